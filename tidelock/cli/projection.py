"""`tidelock projection`: the read models, how far their builds are, and building them anew."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from storage.kept import store_at
from streams.projections.projection import Projection
from tidelock.cli import exits, options, show
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

COLUMNS = ("projection", "live", "partition", "position", "lag", "lag s", "tables")


@projection_app.command("list")
def list_projections(home: options.Home = options.HOME, json: options.AsJson = False) -> None:
    """Show every build of every read model: which tables it keeps, and how far each partition is.

    Behind a name is its version: a release keeps up to date what is of its own versions, and tells what is not.
    [bold]position[/]: the last record that its rows stand for. [bold]lag[/]: records of the log that it lacks.
    [bold]lag s[/]: how old that last record is, if some are lacking.

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
    table = show.table(None, *COLUMNS, right=frozenset({"lag", "lag s"}))
    for one in found:
        name, live = f"{one.projection}@{one.build} v{one.version}", "yes" if one.live else "-"
        lag_s = f"{one.lag_s:.1f}" if one.lag else "-"
        table.add_row(
            name, live, one.partition, one.position or "-", show.number(one.lag), lag_s, ", ".join(one.tables)
        )
    show.out.print(table)
    for one in {each.projection: each for each in found if each.live}.values():
        if one.version != one.own_version:
            show.say(another_version(one, [each for each in found if each.projection == one.projection]))


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


def another_version(live: Standing, builds: Sequence[Standing]) -> str:
    """Return what is said of a read model that is live in another version than this release's."""
    told = f"{live.projection}@{live.build} is live in version {live.version}, and this release has version "
    told += f"{live.own_version}: projectors of version {live.version} alone keep it up to date."
    if live.version > live.own_version:
        return told
    free = max(one.build for one in builds) + 1
    number = next((one.build for one in builds if one.version == one.own_version), free)
    return f"{told} Next: `tidelock projection build {live.projection}@{number}`, and promote that."


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
