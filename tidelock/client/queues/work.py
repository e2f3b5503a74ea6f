"""Working off a queue by a handler; `@worker` names both at once.

@tidelock.worker("orders", concurrency=8, codec=Json())
async def ship(message):
    ...                              # returning acknowledges, an exception fails the message

await ship.run(client)               # until it is cancelled
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypedDict, TypeVar, Unpack

from tidelock.client.errors import BadArgument
from tidelock.client.queues.appetite import Appetite
from tidelock.client.queues.codecs import Bytes, Codec
from tidelock.client.queues.consumer import Consumer
from tidelock.client.queues.handling import Handler, Handling, is_cancelled
from tidelock.client.queues.message import Message

_T = TypeVar("_T")

log = logging.getLogger("tidelock.queues")


class HasQueues(Protocol):
    """A client."""

    def queue(self, name: str, *, codec: Any) -> Any:
        """Return a queue by its name."""


class WorkOptions(TypedDict, total=False):
    """How a queue is worked off."""

    concurrency: int
    """Messages that are handled at a time; default 8."""
    prefetch: int
    """Messages leased at a time, and at least one a shard; default: twice the concurrency."""
    lease: float
    """Length of a lease, s; default: the queue's. Extended while a handler works, for 12 hours at most."""
    grace: float
    """How long async handlers may take to end when the work is cancelled, s; default 0: they are cancelled, too."""


async def work(
    make: Callable[[Appetite], Consumer[_T]], handler: Handler[_T], **options: Unpack[WorkOptions]
) -> None:
    """Give every message to `handler`, until cancelled. What it raises is logged, and fails the message.

    Cancelled, it ends when all handlers have: async ones have `grace` s and are cancelled then, or at the next
    cancellation, and their messages go back. A plain function runs in a thread, which nobody can stop: its message is
    kept, and settled when it returns, however often the work is cancelled.
    """
    concurrency = options.get("concurrency", 8)
    if not 1 <= concurrency <= 10_000:
        raise BadArgument(f"concurrency {concurrency} is out of range. Choose 1 to 10000.")
    prefetch = options.get("prefetch", min(10_000, 2 * concurrency))
    consumer = make(Appetite(prefetch, None, options.get("lease")))
    handling = Handling(handler, concurrency)
    hands = [asyncio.ensure_future(_work(consumer, handling)) for _ in range(concurrency)]
    try:
        ended, _ = await asyncio.wait(hands, return_when=asyncio.FIRST_EXCEPTION)
        for hand in ended:
            hand.result()
    finally:
        consumer.stop_nowait()
        try:
            await asyncio.wait(hands, timeout=options.get("grace", 0.0))
        finally:
            try:
                await _end(hands)
            finally:
                handling.close()
                await consumer.stop()


async def _work(consumer: Consumer[_T], handling: Handling[_T]) -> None:
    while not is_cancelled() and (message := await consumer.get()) is not None:
        try:
            async with message:
                await handling.handle(message)
        except Exception:
            log.exception("message %s of %r failed at attempt %s", message.id, message.queue, message.attempt)


async def _end(hands: list[asyncio.Task[None]]) -> None:
    """Cancel them, and return once all have ended, however often that is cancelled."""
    cancelled: asyncio.CancelledError | None = None
    while not all(hand.done() for hand in hands):
        for hand in hands:
            hand.cancel()
        try:
            await asyncio.wait(hands)
        except asyncio.CancelledError as error:
            cancelled = error
    await asyncio.gather(*hands, return_exceptions=True)
    if cancelled is not None:
        raise cancelled


class Worker(Generic[_T]):
    """A handler and the queue that it works off. Calling it calls the handler, as a test would."""

    def __init__(
        self, queue: str, codec: Codec[_T], subscription: str, handler: Handler[_T], options: WorkOptions
    ) -> None:
        self.queue = queue
        self.handler = handler
        self._codec = codec
        self._subscription = subscription
        self._options = options

    def __call__(self, message: Message[_T]) -> Awaitable[None] | None:
        """Handle one message."""
        return self.handler(message)

    async def run(self, client: HasQueues) -> None:
        """Work until cancelled: then what lies ready goes back, and what is handled is given back or ended."""
        queue = client.queue(self.queue, codec=self._codec)
        source = queue.subscription(self._subscription) if self._subscription else queue
        await source.work(self.handler, **self._options)


def worker(
    queue: str, *, codec: Codec[Any] | None = None, subscription: str = "", **options: Unpack[WorkOptions]
) -> Callable[[Handler[Any]], Worker[Any]]:
    """Make a handler the worker of `queue`: `@worker("orders", concurrency=8)`, then `await handler.run(client)`."""

    def made(handler: Handler[Any]) -> Worker[Any]:
        return Worker(queue, codec or Bytes(), subscription, handler, options)

    return made
