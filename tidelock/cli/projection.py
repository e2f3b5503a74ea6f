"""`tidelock projection`: the read models, how far their builds are, and building them anew."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from storage.kept import store_at
from streams.projections.projection import Projection
from tidelock.cli import exits, options, projection_view, show
from tidelock.cli.asking import Yes, ask
from tidelock.cli.discovery import find
from tidelock.cli.projection_builds import builds_at
from tidelock.cli.projection_hot import rebuild_copies_now, see_that_it_is_copied
from tidelock.cli.projection_promote import begin, diff, make_live, retire, rollback
from tidelock.cli.projection_rebuild import (
    COMMAND_LINE,
    Standing,
    projection_named,
    rebuild_now,
    standings,
)

projection_app = typer.Typer(
    help="The read models: what projectors make of the logs, for queries.", no_args_is_help=True,
    pretty_exceptions_enable=False, epilog=exits.HELP, rich_markup_mode="rich",
)  # fmt: skip


@projection_app.command("list")
def list_projections(
    by_partition: Annotated[
        bool, typer.Option("--partitions", help="How far each partition of each build is.")
    ] = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Show every build of every read model: which tables it keeps, and how far it is.

    Behind a name is its version: a release keeps up to date what is of its own versions, and tells what is not.
    [bold]lag[/]: records of the log that it lacks. [bold]lag s[/]: how old the last one is that it has, if some are
    lacking. [bold]position[/]: the last record that a partition's rows stand for. `--json` tells all partitions.

    Example: [green]tidelock projection list --json | jq 'map(.lag) | add'[/]
    """
    running = find(home)
    kafka, postgres = running.need_kafka(), running.need_postgres()

    async def looked() -> list[Standing]:
        async with store_at(kafka, postgres, COMMAND_LINE) as store, builds_at(postgres) as at:
            return await standings(kafka, store, at.builds)

    found = asyncio.run(looked())
    if json:
        show.as_json([asdict(one) for one in found])
        return
    if by_partition:
        projection_view.partitions(found)
    else:
        projection_view.builds(found)
    projection_view.other_versions(found)


@projection_app.command("rebuild")
def rebuild(
    name: Annotated[str, typer.Argument(help="Which read model: see `tidelock projection list`.")],
    hot: Annotated[
        bool,
        typer.Option(
            "--hot", help="Only its hot copies in Redis, from what is stored. Queries miss nothing meanwhile."
        ),
    ] = False,
    yes: Yes = False,
    patience: Annotated[
        float, typer.Option("--patience", min=1.0, help="Give up when nothing moves for so many seconds.")
    ] = 30.0,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Empty a read model and have the projectors build it anew from the log, from its first record.

    For what is broken, or a development machine: where it is read meanwhile, `build` and `promote` another one.

    What is live in another version of the read model is emptied, too, and built in this release's.

    Nothing is lost: the log is the truth, rows are only its shadow. Until it is built again, queries of this read
    model answer from what there is so far; the others go on. Returns once it has what the logs had when you asked;
    to interrupt it (Ctrl-C) interrupts only the watching. Exit code 1 if nothing moves: then no projector runs.

    Example: [green]tidelock projection rebuild audit --yes[/], [green]tidelock projection rebuild queues --hot[/]
    """
    projection = projection_named(name)
    if hot:
        _rebuild_hot(projection, patience, home, json=json)
        return
    tables = ", ".join(table.name for table in projection.tables)
    ask(f"Empty {tables} and build {projection.name} anew from the log?", yes=yes)
    try:
        running = find(home)
        kafka, postgres = running.need_kafka(), running.need_postgres()
        records = asyncio.run(rebuild_now(kafka, postgres, projection, patience, quiet=json))
    except KeyboardInterrupt:
        show.say("It is emptied, and is built without you watching: see `tidelock projection list`.")
        raise typer.Exit(130) from None
    if json:
        show.as_json({"projection": projection.name, "records": records})
    else:
        show.say(f"{projection.name} is rebuilt: {show.number(records)} records.")


def _rebuild_hot(projection: Projection, patience: float, home: Path, *, json: bool) -> None:
    see_that_it_is_copied(projection)
    running = find(home)
    kafka, postgres, redis = running.need_kafka(), running.need_postgres(), running.need_redis()
    copies = asyncio.run(rebuild_copies_now(kafka, postgres, redis, projection, patience, quiet=json))
    if json:
        show.as_json({"projection": projection.name, "copies": copies})
    else:
        show.say(f"{show.number(copies)} hot copies of {projection.name} are rebuilt.")


projection_app.command("build")(begin)
projection_app.command("diff")(diff)
projection_app.command("promote")(make_live)
projection_app.command("rollback")(rollback)
projection_app.command("retire")(retire)
