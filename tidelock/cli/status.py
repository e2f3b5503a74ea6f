"""`tidelock status`: who owns what, and how it fares."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from tidelock.cli import exits, options, show
from tidelock.cli.discovery import find
from tidelock.cli.kinds import kinds_of
from tidelock.cli.status_gather import Overview, Row, gather

COLUMNS = ("partition", "owner", "health", "claims", "commits", "decided", "keys", "queued", "lag", "void")
_STYLES = {"leading": "green", "nobody": "red", "quarantined": "bold red", "down": "red"}


def status(
    context: typer.Context,
    home: options.Home = options.HOME,
    metrics: Annotated[
        list[str] | None, typer.Option("--metrics", help="host:port of a worker's /status; may be repeated.")
    ] = None,
    json: options.AsJson = False,
) -> None:
    """Show each partition's owner, its health, and how far it is behind.

    Asks every worker and Kafka. [bold]lag[/]: commands in the topic that are not decided yet, and, after "log",
    records of the log that the owner has not seen. [bold]void[/]: records that the accept rule skips, by reason.
    A worker that does not answer is named. Exit code 1 if a partition has no healthy owner.

    Example: [green]tidelock status --json | jq '.partitions\\[].lag'[/]
    """
    running = find(home)
    named = running.metrics if not metrics else tuple((address, address) for address in metrics)
    overview = asyncio.run(gather(running.need_kafka(), named, [kind.name for kind in kinds_of(context)]))
    if json:
        show.as_json(asdict(overview) | {"healthy": overview.healthy})
    else:
        show.out.print(_view(overview))
    raise typer.Exit(exits.OK if overview.healthy else exits.NO)


def _view(overview: Overview) -> Group:
    table = show.table(None, *COLUMNS, right=frozenset(COLUMNS[3:-1]))
    for row in overview.partitions:
        table.add_row(*_cells(row))
    workers = [
        Text(f"worker {one.name}: {one.problem or f'up, {one.connections} clients, {one.partitions} partitions'}",
             style="red" if one.problem else "dim")
        for one in overview.workers
    ]  # fmt: skip
    if not workers:
        workers = [Text("No worker's status address is known: give --metrics host:port.", style="yellow")]
    return Group(table, Text(), *workers)


def _cells(row: Row) -> tuple[str | Text, ...]:
    health = Text(row.health, style=_STYLES.get(row.health, "yellow"))
    counts = (row.claims, row.commits, row.decisions, row.keys, row.queued, row.lag)
    void = ", ".join(f"{count} {reason}" for reason, count in row.void.items()) or "-"
    parked = f", {row.parked} parked" if row.parked else ""
    numbers = ["?" if count is None else show.number(count) for count in counts]
    if row.behind:
        numbers[-1] += f", log {show.number(row.behind)}"
    return (row.partition, row.owner or "-", health, *numbers, void + parked)
