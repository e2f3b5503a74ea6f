"""Taking from the command line: look and acknowledge, lease, or run a command for each message."""

import asyncio
from dataclasses import dataclass

from tidelock.cli import exits, queue_view, show
from tidelock.cli.interruption import Signals
from tidelock.cli.queue_exec import execute
from tidelock.client.errors import ReceiptInvalid, TidelockError
from tidelock.client.queues.draining import TRANSIENT
from tidelock.client.queues.message import Message
from tidelock.client.queues.reading import Readable

LEAST_WAIT_S = 10.0
"""Of one receive where there is no end: whatever comes ends it at once."""
PAUSE_S = 0.1
"""Before the next receive, after one that brought nothing."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What `queue take` was asked."""

    count: int
    """0: without end."""
    wait: float
    lease: float | None
    outcome: str
    """`ack`, `nack`, `lease`, or `exec`."""
    command: tuple[str, ...]
    reason: str
    json: bool
    subscription: str = ""
    """Which is taken from, of a broadcast queue."""

    @property
    def bearable(self) -> tuple[type[TidelockError], ...]:
        """What fails one message, and does not end the whole: with a count, the outcome of each is wanted."""
        return (ReceiptInvalid,) if self.count else (ReceiptInvalid, *TRANSIENT)


async def take(source: Readable[bytes], wish: Wish) -> int:
    """Take messages; return the exit code: 1 if there was none, or one failed."""
    signals = Signals()
    taking = asyncio.create_task(_take(source, wish, signals))
    return signals.exit_code if await signals.stop(taking) else taking.result()


async def _take(source: Readable[bytes], wish: Wish, signals: Signals) -> int:
    got = failed = 0
    while not wish.count or got < wish.count:
        message = await _next(source, wish)
        if message is None:
            break
        failed += not await _treated(message, wish, signals)
        got += 1
    if not got and not wish.json:
        queue_view.aside(f"{source.name}: no message within {wish.wait:g} s")
    return exits.OK if got and not failed else exits.NO


async def _next(source: Readable[bytes], wish: Wish) -> Message[bytes] | None:
    """Return a message; None if none came in time. Without end, only what cannot pass by itself is raised."""
    if wish.count:
        found = await source.receive(1, wait=wish.wait, lease=wish.lease)
        return found[0] if found else None
    while True:
        try:
            found = await source.receive(1, wait=max(LEAST_WAIT_S, wish.wait), lease=wish.lease)
        except TRANSIENT as error:
            show.complain(error.code, str(error))
            found = []
        if found:
            return found[0]
        await asyncio.sleep(PAUSE_S)


async def _treated(message: Message[bytes], wish: Wish, signals: Signals) -> bool:
    """Do with one message as wished; return whether all is well."""
    try:
        return await (_execute(message, wish, signals) if wish.outcome == "exec" else _show(message, wish))
    except wish.bearable as error:
        show.complain(error.code, str(error))
        return False


async def _show(message: Message[bytes], wish: Wish) -> bool:
    """Print a message, then settle it: what cannot be printed is given back."""
    try:
        queue_view.taken(message, wish.json, leased=wish.outcome == "lease")
    except OSError:
        await message.give_back()
        raise
    if wish.outcome == "lease":
        if not wish.json:
            queue_view.leased(message, wish.subscription)
        return True
    await (message.ack() if wish.outcome == "ack" else message.nack(reason=wish.reason))
    queue_view.settled(message, "acknowledged" if wish.outcome == "ack" else "failed")
    return True


async def _execute(message: Message[bytes], wish: Wish, signals: Signals) -> bool:
    """Run the command; acknowledge if it succeeds."""
    code = await execute(message, wish.command, wish.lease, signals)
    if code == 0:
        await message.ack()
        return True
    why = f"{wish.command[0]} ended with {code}"
    show.complain(
        "COMMAND_FAILED", f"{why} for message {message.id}; it comes again after the backoff, or dies."
    )
    await message.nack(reason=why)
    return False
