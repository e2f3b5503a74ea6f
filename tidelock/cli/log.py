"""`tidelock log`: look at the log itself."""

import asyncio
from typing import Annotated

import typer

from streams.log.positions import PartitionId, Position
from tidelock.cli import exits, options, show
from tidelock.cli.discovery import find
from tidelock.cli.exits import WrongUse
from tidelock.cli.log_merge import following, merged
from tidelock.cli.log_view import RecordView
from tidelock.cli.topics import partitions_of, reader_of, vocabulary_of

log_app = typer.Typer(
    help="Look at the log itself, the only truth.", no_args_is_help=True, pretty_exceptions_enable=False,
    epilog=exits.HELP, rich_markup_mode="rich",
)  # fmt: skip

LAST = 10


@log_app.callback()
def _log() -> None:
    """Look at the log itself, the only truth."""


@log_app.command()
def tail(
    kind: options.Kind = "locks",
    partition: options.Partition = None,
    start: Annotated[
        str, typer.Option("--from", help="start, end, or a position: locks/3@1205 (or 1205 with -p).")
    ] = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as records arrive, until Ctrl-C.")
    ] = False,
    void: Annotated[
        bool, typer.Option("--void", help="Show the records that do not count, too, and why.")
    ] = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Show what was decided, record by record, as the accept rule judges it.

    Each decision with who asked, the events that it caused and the answer. Records that the accept rule skips are
    left out, or marked with `--void`. By default the last 10 records of each partition, oldest first.

    Example: [green]tidelock log tail locks --follow --json | jq .decisions[].events[][/]
    """
    view = RecordView(vocabulary_of(options.check_kind(kind)), void=void, json=json)
    try:
        asyncio.run(_tail(find(home).need_kafka(), kind, partition, start, follow, view))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _tail(
    kafka: str, kind: str, partition: int | None, start: str, follow: bool, view: RecordView
) -> None:
    position = _position(start, kind, partition)
    if position is not None:
        partition = position.partition.partition
    wheres = await partitions_of(kafka, kind, partition)
    starts = {where: _start(start, position, end) for where, end in wheres.items()}
    read = following if follow else merged
    with show.err.status("reading; what counts depends on all that stands before") as spinner:
        async for judged in read(reader_of(kafka), starts):
            spinner.stop()
            view.show(judged)


def _position(start: str, kind: str, partition: int | None) -> Position | None:
    if start in {"", "start", "end"}:
        return None
    if start.isdigit():
        if partition is None:
            raise WrongUse(f"--from {start} needs --partition. Or give a whole position: {kind}/0@{start}.")
        return Position(PartitionId(kind, partition), int(start))
    try:
        position = Position.parse(start)
    except ValueError as error:
        raise WrongUse(f"--from: {error} Or: start, end.") from None
    if position.partition.kind != kind or partition not in {None, position.partition.partition}:
        raise WrongUse(
            f"--from {start} is not in the log that is to be shown. Leave KIND and --partition out, or correct it."
        )
    return position


def _start(start: str, position: Position | None, end: int) -> int:
    if position is not None:
        return position.offset
    return {"start": 0, "end": end}.get(start, max(0, end - LAST))
