"""`tidelock queue ack|nack|extend`: settling, by receipt, what was leased before, by whichever process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from tidelock.cli import exits, options, show
from tidelock.cli.queue_run import Name, Sub, on_source
from tidelock.client.errors import ReceiptInvalid
from tidelock.client.queues.ids import ReceiptId
from tidelock.client.queues.reading import Readable

Receipts = Annotated[
    list[str],
    typer.Argument(help="As `take --lease-only` printed it: <shard>.<number>.<token>.", metavar="RECEIPT..."),
]
Settle: TypeAlias = Callable[[Readable[bytes], str], Awaitable[None]]


def ack(
    queue: Name,
    receipts: Receipts,
    subscription: Sub = "",
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Acknowledge leased messages: they are gone. Exit code 1 if a receipt holds no longer.

    Example: [green]tidelock queue ack orders 0.42.281474976710660[/]
    """
    _settle(home, queue, subscription, receipts, "acknowledged", json, lambda source, one: source.ack(one))


def nack(
    queue: Name,
    receipts: Receipts,
    delay: Annotated[
        float | None,
        typer.Option(help="They come again after so many s; without: the queue's backoff.", min=0),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why.", callback=options.text)] = "by hand",
    unused: Annotated[
        bool,
        typer.Option("--return", help="Not worked on: they come again at once, and no attempt is counted."),
    ] = False,
    subscription: Sub = "",
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Give leased messages back, as failed. Exit code 1 if a receipt holds no longer.

    Example: [green]tidelock queue nack orders 0.42.281474976710660 --delay 60 --reason "no stock"[/]
    """

    async def settle(source: Readable[bytes], one: str) -> None:
        await source.nack(one, delay=delay, reason=reason, returned=unused)

    _settle(home, queue, subscription, receipts, "returned" if unused else "failed", json, settle)


def extend(
    queue: Name,
    receipts: Receipts,
    lease: Annotated[
        float | None,
        typer.Option(help="So many s from now; without: as long as the queue's.", min=0.1, max=43_200),
    ] = None,
    subscription: Sub = "",
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Keep leased messages for longer. Exit code 1 if a receipt holds no longer.

    Example: [green]tidelock queue extend orders 0.42.281474976710660 --lease 600[/]
    """
    _settle(
        home, queue, subscription, receipts, "extended", json,
        lambda source, one: source.extend(one, lease=lease),
    )  # fmt: skip


def _settle(
    home: Path, queue: str, subscription: str, receipts: list[str], done: str, json: bool, settle: Settle
) -> None:
    """Settle each receipt, tell of each; end with "no" if one holds no longer. Raises what else went wrong."""
    each = list(dict.fromkeys(receipts))
    for one in each:
        ReceiptId.parse(one)
    outcomes = dict(
        zip(
            each, on_source(home, queue, subscription, lambda source: _all(source, each, settle)), strict=True
        )
    )
    refused = {one: error for one, error in outcomes.items() if isinstance(error, ReceiptInvalid)}
    taken = [one for one, outcome in outcomes.items() if outcome is None]
    _tell(queue, taken, refused, done, json)
    for outcome in outcomes.values():
        if outcome is not None and not isinstance(outcome, ReceiptInvalid):
            raise outcome
    if refused:
        raise typer.Exit(exits.NO)


async def _all(
    source: Readable[bytes], receipts: Sequence[str], settle: Settle
) -> Sequence[BaseException | None]:
    """Return what became of each: together they travel in few commands."""
    return await asyncio.gather(*(settle(source, one) for one in receipts), return_exceptions=True)


def _tell(
    queue: str, taken: Sequence[str], refused: Mapping[str, ReceiptInvalid], done: str, json: bool
) -> None:
    if json:
        problems = [{"receipt": one, "problem": error.problem} for one, error in refused.items()]
        show.as_json({"queue": queue, done: taken, "refused": problems})
        return
    for one in taken:
        show.say(f"{done} {one}")
    for one, error in refused.items():
        show.complain(error.code, f"{one}: {error}")
