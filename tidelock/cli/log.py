"""`tidelock log`: look at the log itself."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from streams.log.positions import PartitionId, Position
from streams.log.vocabulary import Vocabulary
from tidelock.cli import exits, options, show
from tidelock.cli.discovery import find
from tidelock.cli.exits import WrongUse
from tidelock.cli.kinds import kinds_named
from tidelock.cli.log_merge import following, merged
from tidelock.cli.log_view import RecordView
from tidelock.cli.topics import partitions_of, reader_of

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
    context: typer.Context,
    kind: options.Kind = "",
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
    position = _position(start, kind, partition)
    kinds = kinds_named(context, kind if position is None else position.partition.kind)
    view = RecordView({one.name: Vocabulary(one) for one in kinds}, void=void, json=json)
    names = [one.name for one in kinds]
    wanted = partition if position is None else position.partition.partition
    try:
        asyncio.run(_tail(find(home).need_kafka(), names, wanted, start, position, follow, view))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _tail(
    kafka: str,
    kinds: Sequence[str],
    partition: int | None,
    start: str,
    position: Position | None,
    follow: bool,
    view: RecordView,
) -> None:
    wheres = await partitions_of(kafka, kinds, partition)
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
        if partition is None or not kind:
            whole = f"{kind or 'locks'}/0@{start}"
            raise WrongUse(f"--from {start} needs KIND and --partition. Or give a whole position: {whole}.")
        return Position(PartitionId(kind, partition), int(start))
    try:
        position = Position.parse(start)
    except ValueError as error:
        raise WrongUse(f"--from: {error} Or: start, end.") from None
    if kind not in {"", position.partition.kind} or partition not in {None, position.partition.partition}:
        raise WrongUse(
            f"--from {start} is not in the log that is to be shown. Leave KIND and --partition out, or correct it."
        )
    return position


def _start(start: str, position: Position | None, end: int) -> int:
    if position is not None:
        return position.offset
    return {"start": 0, "end": end}.get(start, max(0, end - LAST))
