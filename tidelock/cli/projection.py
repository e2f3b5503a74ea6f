"""`tidelock projection`: the read models, how far they are, and building them anew."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from tidelock.cli import exits, options, show
from tidelock.cli.asking import Yes, ask
from tidelock.cli.discovery import find
from tidelock.cli.projection_rebuild import (
    Standing,
    projection_named,
    rebuild_now,
    standings,
    store_at,
)

projection_app = typer.Typer(
    help="The read models: what projectors make of the logs, for queries.", no_args_is_help=True,
    pretty_exceptions_enable=False, epilog=exits.HELP, rich_markup_mode="rich",
)  # fmt: skip

COLUMNS = ("projection", "partition", "position", "lag", "lag s", "tables")


@projection_app.command("list")
def list_projections(home: options.Home = options.HOME, json: options.AsJson = False) -> None:
    """Show every read model: which tables it keeps, and how far each partition is.

    [bold]position[/]: the last record that its rows stand for. [bold]lag[/]: records of the log that it lacks.
    [bold]lag s[/]: how old that last record is, if some are lacking.

    Example: [green]tidelock projection list --json | jq 'map(.lag) | add'[/]
    """
    running = find(home)
    kafka, postgres = running.need_kafka(), running.need_postgres()

    async def ask() -> list[Standing]:
        async with store_at(kafka, postgres) as store:
            return await standings(kafka, store)

    found = asyncio.run(ask())
    if json:
        show.as_json([asdict(one) for one in found])
        return
    table = show.table(None, *COLUMNS, right=frozenset({"lag", "lag s"}))
    for one in found:
        name = f"{one.projection} v{one.version}"
        lag_s = f"{one.lag_s:.1f}" if one.lag else "-"
        table.add_row(
            name, one.partition, one.position or "-", show.number(one.lag), lag_s, ", ".join(one.tables)
        )
    show.out.print(table)


@projection_app.command("rebuild")
def rebuild(
    name: Annotated[str, typer.Argument(help="Which read model: see `tidelock projection list`.")],
    yes: Yes = False,
    patience: Annotated[
        float, typer.Option("--patience", min=1.0, help="Give up when nothing moves for so many seconds.")
    ] = 30.0,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Empty a read model and have the projectors build it anew from the log, from its first record.

    Nothing is lost: the log is the truth, rows are only its shadow. Until it is built again, queries of this read
    model answer from what there is so far; the others go on. Returns once it has what the logs had when you asked;
    to interrupt it (Ctrl-C) interrupts only the watching. Exit code 1 if nothing moves: then no projector runs.

    Example: [green]tidelock projection rebuild audit --yes[/]
    """
    projection = projection_named(name)
    _confirm(projection.name, tuple(table.name for table in projection.tables), yes=yes)
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


def _confirm(name: str, tables: tuple[str, ...], *, yes: bool) -> None:
    question = f"Empty {', '.join(tables)} and build {name} anew from the log?"
    ask(question, yes=yes, unasked=f" whether {name} may be emptied.")
