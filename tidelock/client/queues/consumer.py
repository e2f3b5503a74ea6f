"""`queue.consume(...)`: messages as they come, one after the other.

    async for message in queue.consume(prefetch=100):
        async with message:                    # acknowledged at the end; an exception fails it
            await ship(message.payload)

Leases are extended while messages are worked on. What lies ready for half its lease goes back, so that
whoever is handed a message has time for it, and others get those that we are too slow for.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

from streams.domain.queues.replies import Delivery, ReceiptsTaken
from streams.domain.queues.settings import QueueRoute
from streams.domain.value import value
from tidelock.client.clock import Timer
from tidelock.client.errors import (
    BadArgument,
    ConnectionLost,
    OutcomeUnknown,
    QueueUnknown,
    ReceiptInvalid,
    TidelockError,
    TooManyWaiting,
    Unavailable,
)
from tidelock.client.pending import Pending
from tidelock.client.queues.access import Access
from tidelock.client.queues.message import Message, messages_of
from tidelock.client.queues.settling import MAX_RECEIPTS
from tidelock.client.queues.shelf import Batch, Shelf
from tidelock.client.terms import ms_of
from tidelock.client.wheel import Wheel

_T = TypeVar("_T")

SLOT_S: Final = 0.01
MAX_PREFETCH: Final = 10_000
LEAST_PAUSE_S: Final = 0.05
"""How late it may be noticed that a lease has ended."""
ROUTE_S, NEW_ROUTE_S = 30.0, 1.0
"""How often a consumer looks whether the queue has other shards: as a rule, and after a receive was ended early."""
MAX_WORK_S: Final = 12 * 3_600.0
"""So long a message is kept for a handler at most."""
FIRST_PAUSE_S, LAST_PAUSE_S = 0.1, 5.0
TRANSIENT: Final = (Unavailable, ConnectionLost, OutcomeUnknown, TooManyWaiting)
"""What may pass by itself: the consumer tries again."""
log = logging.getLogger("tidelock.queues")


@value
class Appetite:
    """How a consumer wants its messages."""

    prefetch: int = 32
    """Messages that it leases at a time, those that are worked on among them."""
    concurrency: int | None = None
    """Messages that are worked on at a time; None: as many as it leases."""
    lease: float | None = None
    """Length of a lease, s; None: the queue's."""
    auto_extend: bool = True
    """Extend leases while messages are worked on."""

    def check(self) -> None:
        """Raise `BadArgument` for what nobody can want."""
        if not 1 <= self.prefetch <= MAX_PREFETCH:
            raise BadArgument(f"prefetch {self.prefetch} is out of range. Choose 1 to {MAX_PREFETCH}.")
        if self.concurrency is not None and self.concurrency < 1:
            raise BadArgument(f"concurrency {self.concurrency} is out of range. Choose 1 or more.")


class Consumer(Generic[_T]):
    """Hands out the messages of one queue or subscription; made by `queue.consume(...)`.

    Iterate over it, or call `get`. `stop` ends the iteration: what lies ready goes back at once; messages that were
    handed out stay leased until they are settled. Leaving `async with consumer:` gives those back, too.
    """

    def __init__(self, access: Access, codec: Any, subscription: str, appetite: Appetite) -> None:
        appetite.check()
        self._access = access
        self._codec = codec
        self._subscription = subscription
        self._appetite = appetite
        self._lease_ms = 0 if appetite.lease is None else ms_of(appetite.lease, "lease")
        self._clock = access.queues.clock
        self._wheel: Wheel[Batch] = Wheel(self._clock, SLOT_S, self._due)
        self._batches: dict[Batch, None] = {}
        self._shelves: dict[int, Shelf] = {}
        self._turn: deque[Shelf] = deque()
        """Shelves on which something lies ready, next first."""
        self._busy = 0
        """Messages that were handed out and are worked on."""
        self._getting: deque[asyncio.Future[None]] = deque()
        self._resting: list[asyncio.Future[None]] = []
        self._starting: asyncio.Task[None] | None = None
        self._looking: Timer | None = None
        self._failures = 0
        self._error: TidelockError | None = None
        self._stopping = False

    # -- for callers -----------------------------------------------------------------------------------------

    async def get(self) -> Message[_T] | None:
        """Return the next message, whenever it comes; None once the consumer is stopped. Raises `QueueUnknown`."""
        if not self._shelves and not self._stopping:
            await self._start()
        while not self._stopping:
            message = self._next()
            if message is not None:
                return message
            if self._error is not None:
                raise self._error
            self._wake_shelves()
            await self._something()
        return None

    async def stop(self) -> None:
        """Hand out nothing more; give back what lies ready, and return once that is confirmed."""
        self.stop_nowait()
        if self._starting is not None:
            self._starting.cancel()
        while any(not each.handed_out for batch in self._batches for each in batch.messages.values()):
            resting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._resting.append(resting)
            await resting

    def stop_nowait(self) -> None:
        """Stop without awaiting the answers."""
        if self._stopping:
            return
        self._stopping = True
        if self._looking is not None:
            self._looking.cancel()
        for shelf in self._shelves.values():
            shelf.close()
            self._give_back(shelf, shelf.take_ready())
        self._turn.clear()
        self._wake(len(self._getting))
        if not self._batches:
            self._access.consumers.pop(self, None)

    def give_up(self) -> None:
        """Stop, and give back what is worked on, too. For whoever knows that nobody works any more."""
        self.stop_nowait()
        for batch in tuple(self._batches):
            self._give_back(batch.shelf, [each for each in batch.messages.values() if not each.is_settled])

    async def __aenter__(self) -> "Consumer[_T]":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_up()
        await self.stop()

    async def __aiter__(self) -> AsyncIterator[Message[_T]]:
        try:
            while (message := await self.get()) is not None:
                yield message
        finally:
            await self.stop()

    # -- shards ----------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._started(), name="tidelock-consume")
        await asyncio.shield(self._starting)

    async def _started(self) -> None:
        try:
            self._drain(await self._access.routes.ask(self._access.name))
            self._look_in(ROUTE_S)
        finally:
            self._starting = None

    def _drain(self, route: QueueRoute) -> None:
        """Read all shards of the route, old and new."""
        if self._stopping:
            return
        self._access.consumers[self] = None
        shards = max(route.shards, route.previous)
        credit = -(-self._appetite.prefetch // shards)
        for shard in [each for each in self._shelves if each >= shards]:
            shelf = self._shelves.pop(shard)
            shelf.close()
            self._give_back(shelf, shelf.take_ready())
        for shard in range(shards):
            if shard not in self._shelves:
                settler = self._access.settler(shard, self._subscription)
                self._shelves[shard] = Shelf(settler, credit, self._lease_ms, self._access.queues, self)
            self._shelves[shard].credit = credit
        for shelf in tuple(self._shelves.values()):
            shelf.ask()

    def ended(self, shelf: Shelf, error: TidelockError | None, early: bool) -> None:
        """Ask again; after a failure later, and by the newest route."""
        if self._stopping or self._shelves.get(shelf.shard) is not shelf:
            return
        if error is None and not early:
            self._failures = 0
            shelf.ask()
            return
        if error is not None and not isinstance(error, (*TRANSIENT, QueueUnknown)):
            self._fail(error)
            return
        shelf.idle = True
        self._failures += 1
        first = error is None and self._failures == 1
        pause_s = 0.0 if first else min(LAST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._failures - 1, 10))
        self._look_in(pause_s)

    def _look_in(self, pause_s: float) -> None:
        """Look at the route after a pause, and ask again where nothing is asked."""
        if self._looking is not None:
            self._looking.cancel()
        self._looking = self._clock.call_at(self._clock.now() + pause_s, self._look)

    def _look(self) -> None:
        self._looking = None
        if not self._stopping:
            task = asyncio.get_running_loop().create_task(self._looked(), name="tidelock-route")
            self._access.tasks.add(task)
            task.add_done_callback(self._access.tasks.discard)

    async def _looked(self) -> None:
        try:
            route = await self._access.routes.ask(self._access.name)
        except TidelockError as error:
            if isinstance(error, TRANSIENT):
                self._failures += 1
                self._look_in(min(LAST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._failures, 10)))
            else:
                self._fail(error)
            return
        for shelf in self._shelves.values():
            shelf.idle = False
        self._look_in(NEW_ROUTE_S if self._failures else ROUTE_S)
        self._drain(route)

    def _fail(self, error: TidelockError) -> None:
        self._error = error
        self._wake(len(self._getting))

    # -- messages --------------------------------------------------------------------------------------------

    def made(self, shelf: Shelf, reply: Delivery, pending: Pending) -> list[Message[Any]]:
        """Return the messages of a delivery, but for those that are gone meanwhile."""
        clock = self._clock
        return messages_of(reply, pending, shelf.settler, self._codec, clock, self)

    def came(self, batch: Batch) -> None:
        """Hand out what came."""
        self._failures = 0
        self._batches[batch] = None
        if batch.shelf not in self._turn:
            self._turn.append(batch.shelf)
        self._schedule(batch)
        self._wake(len(batch.messages))

    def _next(self) -> Message[_T] | None:
        most = self._appetite.concurrency
        if most is not None and self._busy >= most:
            return None
        turn, now = self._turn, self._clock.now()
        while turn:
            shelf = turn.popleft()
            while shelf.ready:
                message = shelf.ready.popleft()
                if message.trusted_until() - SLOT_S <= now:
                    self.settled(message, None)  # its lease may be over: it comes again by itself
                    continue
                message.handed_out = True
                self._busy += 1
                if shelf.ready:
                    turn.append(shelf)
                shelf.ask_soon()
                return message
        return None

    def settling(self, message: Message[Any]) -> None:
        """Somebody said what becomes of it: another may be worked on."""
        if message.handed_out and message.batch is not None:
            self._busy -= 1
            self._wake(1)

    def settled(self, message: Message[Any], error: TidelockError | None) -> None:
        """It is not leased any more: ask for others."""
        if error is not None:
            level = logging.INFO if isinstance(error, ReceiptInvalid) else logging.WARNING
            log.log(level, "message %s of %r will come again: %s", message.id, message.queue, error)
        batch: Batch | None = message.batch
        if batch is None:
            return
        message.batch = None
        del batch.messages[message.id.number]
        shelf = batch.shelf
        shelf.leased -= 1
        if not batch.messages:
            del self._batches[batch]
            self._wheel.remove(batch)
        shelf.ask()
        if self._stopping:
            self._rest()

    def _rest(self) -> None:
        resting, self._resting = self._resting, []
        for future in resting:
            if not future.done():
                future.set_result(None)
        if not self._batches:
            self._access.consumers.pop(self, None)

    # -- leases ----------------------------------------------------------------------------------------------

    def _schedule(self, batch: Batch) -> None:
        """Look at a batch when half of what is left of its leases is over."""
        now = self._clock.now()
        soonest_s = min(each.trusted_until() for each in batch.messages.values())
        self._wheel.add(batch, now + max(LEAST_PAUSE_S, (soonest_s - now) / 2))

    def _due(self, batch: Batch) -> None:
        now, shelf = self._clock.now(), batch.shelf
        self._give_back(shelf, shelf.take_ready(batch))
        working = [each for each in batch.messages.values() if each.handed_out and not each.is_settled]
        for message in [each for each in working if each.trusted_until() <= now]:
            self._lose(message, "its lease was not extended in time")
            working.remove(message)
        if (
            working
            and self._appetite.auto_extend
            and now - batch.began_s < MAX_WORK_S
            and not batch.extending
        ):
            self._extend(batch, working)
        if batch.messages:
            self._schedule(batch)

    def _extend(self, batch: Batch, working: list[Message[Any]]) -> None:
        batch.extending = True
        for start in range(0, len(working), MAX_RECEIPTS):
            part = working[start : start + MAX_RECEIPTS]

            def told(reply: ReceiptsTaken | TidelockError, part: list[Message[Any]] = part) -> None:
                self._extended(batch, part, reply)

            batch.shelf.settler.extend([each.raw_receipt for each in part], self._lease_ms, told)

    def _extended(self, batch: Batch, part: list[Message[Any]], reply: ReceiptsTaken | TidelockError) -> None:
        batch.extending = False
        if isinstance(reply, ReceiptInvalid):
            refused = {each.id.number for each in part}
        elif isinstance(reply, TidelockError):
            return  # tried again before the leases end
        else:
            refused = {each.message for each in reply.refused}
        for message in part:
            if message.id.number not in refused:
                assert isinstance(reply, ReceiptsTaken)
                message.expires_at_ms = max(message.expires_at_ms, reply.expires_at)
            elif not message.is_settled:
                self._lose(message, "it was delivered to another, or settled elsewhere")
        if batch.messages:
            self._schedule(batch)

    def _lose(self, message: Message[Any], why: str) -> None:
        message.is_lost = True
        log.warning("message %s of %r is lost while it is worked on: %s", message.id, message.queue, why)
        self.settling(message)
        self.settled(message, None)

    def _give_back(self, shelf: Shelf, messages: list[Message[Any]]) -> None:
        """Return messages that nobody works on: no attempt is counted."""
        shelf.idle = shelf.idle or bool(messages)
        for message in messages:
            if message.handed_out:
                self.settling(message)
            message.note_returned()
        for start in range(0, len(messages), MAX_RECEIPTS):
            part = messages[start : start + MAX_RECEIPTS]

            def told(_: TidelockError | None, part: list[Message[Any]] = part) -> None:
                for message in part:
                    self.settled(message, None)

            shelf.settler.nack([each.raw_receipt for each in part], None, "", True, told)

    # -- waiting ---------------------------------------------------------------------------------------------

    def _wake_shelves(self) -> None:
        """Somebody wants messages: ask again where none were wanted."""
        for shelf in self._shelves.values() if not self._failures else ():
            if shelf.idle:
                shelf.idle = False
                shelf.ask()

    async def _something(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._getting.append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done():
                self._wake(1)
            else:
                self._getting.remove(future)
            raise

    def _wake(self, count: int) -> None:
        getting = self._getting
        while getting and count > 0:
            future = getting.popleft()
            if not future.done():
                future.set_result(None)
                count -= 1
