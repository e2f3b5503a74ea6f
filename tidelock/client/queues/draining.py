"""Which shards a consumer reads: all of the queue's, the new ones of a resize and the old ones to their end.

Each has one receive that waits. Where receives fail or end early the queue's home tells how many shards there are.
"""

import asyncio
from typing import Any, Final, Protocol

from streams.domain.queues.replies import Delivery
from streams.domain.queues.settings import QueueRoute
from tidelock.client.clock import Timer
from tidelock.client.errors import (
    ConnectionLost,
    OutcomeUnknown,
    QueueUnknown,
    SessionEnded,
    TidelockError,
    TooManyWaiting,
    Unavailable,
)
from tidelock.client.pending import Pending
from tidelock.client.queues.access import Access
from tidelock.client.queues.leases import Leases
from tidelock.client.queues.message import Message, messages_of
from tidelock.client.queues.shelf import Batch, Shelf

ROUTE_S, NEW_ROUTE_S = 30.0, 1.0
"""How often a consumer looks whether the queue has other shards: as a rule, and after a receive was ended early."""
FIRST_PAUSE_S, LAST_PAUSE_S = 0.1, 5.0
TRANSIENT: Final = (Unavailable, ConnectionLost, OutcomeUnknown, TooManyWaiting, SessionEnded)
"""What may pass by itself: the consumer tries again."""


class Taker(Protocol):
    """Whoever hands out what comes."""

    def came(self, batch: Batch) -> None:
        """Messages lie ready."""

    def failed(self, error: TidelockError) -> None:
        """Nothing will come any more."""


class Drain:
    """The shelves of one consumer, one a shard."""

    def __init__(
        self, access: Access, codec: Any, subscription: str, prefetch: int, lease_ms: int,
        leases: Leases, taker: Taker,
    ) -> None:  # fmt: skip
        self.shelves: dict[int, Shelf] = {}
        self._access = access
        self._codec = codec
        self._subscription = subscription
        self._prefetch = prefetch
        self._lease_ms = lease_ms
        self._leases = leases
        self._taker = taker
        self._clock = access.queues.clock
        self._starting: asyncio.Task[None] | None = None
        self._looking: Timer | None = None
        self._failures = 0
        self._closed = False

    @property
    def credit(self) -> int:
        """How many messages may be leased at a time."""
        return sum(each.credit for each in self.shelves.values())

    async def start(self) -> None:
        """Find the shards, and ask them. Returns early when it is closed meanwhile. Raises `QueueUnknown`."""
        starting = self._starting
        if starting is None:
            loop = asyncio.get_running_loop()
            starting = self._starting = loop.create_task(self._start(), name="tidelock-consume")
            starting.add_done_callback(self._started)
        await asyncio.wait([starting])
        if not starting.cancelled():
            starting.result()

    async def _start(self) -> None:
        self._spread(await self._access.routes.ask(self._access.name))
        self._look_in(ROUTE_S)

    def _started(self, task: asyncio.Task[None]) -> None:
        self._starting = None
        if not task.cancelled():
            task.exception()  # whoever asked may be gone: then nobody else looks at it

    def close(self) -> None:
        """Ask for nothing more; give back what lies ready."""
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
        if self._looking is not None:
            self._looking.cancel()
        for shelf in self.shelves.values():
            self._clear(shelf)

    def wanted(self) -> None:
        """Somebody wants messages: ask again where none were wanted."""
        for shelf in self.shelves.values() if not self._failures else ():
            if shelf.idle:
                shelf.idle = False
                shelf.ask()

    # -- from shelves ----------------------------------------------------------------------------------------

    def made(self, shelf: Shelf, reply: Delivery, pending: Pending) -> list[Message[Any]]:
        """Return the messages of a delivery, but for those that are gone meanwhile."""
        return messages_of(reply, pending, shelf.settler, self._codec, self._clock, self._leases)

    def came(self, batch: Batch) -> None:
        """Pass on what came."""
        self._failures = 0
        self._leases.add(batch)
        self._taker.came(batch)

    def ended(self, shelf: Shelf, error: TidelockError | None, early: bool) -> None:
        """Ask again; after a failure later, and by the newest route."""
        if self._closed or self.shelves.get(shelf.shard) is not shelf:
            return
        if error is None and not early:
            self._failures = 0
            shelf.ask()
            return
        if error is not None and not isinstance(error, (*TRANSIENT, QueueUnknown)):
            self._taker.failed(error)
            return
        shelf.idle = True
        self._failures += 1
        first = error is None and self._failures == 1
        self._look_in(0.0 if first else self._pause_s(self._failures - 1))

    # -- the route -------------------------------------------------------------------------------------------

    def _spread(self, route: QueueRoute) -> None:
        """Read all shards of the route, old and new."""
        if self._closed:
            return
        shards = max(route.shards, route.previous)
        for shard in [each for each in self.shelves if each >= shards]:
            self._clear(self.shelves.pop(shard))
        credit, over = divmod(self._prefetch, shards)
        for shard in range(shards):
            self._shelf(shard).credit = max(1, credit + (shard < over))
        for shelf in tuple(self.shelves.values()):
            shelf.ask()

    def _shelf(self, shard: int) -> Shelf:
        shelf = self.shelves.get(shard)
        if shelf is None:
            settler = self._access.settler(shard, self._subscription)
            shelf = self.shelves[shard] = Shelf(settler, self._lease_ms, self._access.queues, self)
        return shelf

    def _clear(self, shelf: Shelf) -> None:
        shelf.close()
        self._leases.give_back(shelf, shelf.take_ready())

    def _pause_s(self, failures: int) -> float:
        return min(LAST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures, 10))

    def _look_in(self, pause_s: float) -> None:
        """Look at the route after a pause, and ask again where nothing is asked."""
        if self._closed:
            return
        if self._looking is not None:
            self._looking.cancel()
        self._looking = self._clock.call_at(self._clock.now() + pause_s, self._look)

    def _look(self) -> None:
        self._looking = None
        if not self._closed:
            task = asyncio.get_running_loop().create_task(self._looked(), name="tidelock-route")
            self._access.tasks.add(task)
            task.add_done_callback(self._access.tasks.discard)

    async def _looked(self) -> None:
        try:
            route = await self._access.routes.ask(self._access.name)
        except TidelockError as error:
            if isinstance(error, TRANSIENT):
                self._failures += 1
                self._look_in(self._pause_s(self._failures))
            else:
                self._taker.failed(error)
            return
        for shelf in self.shelves.values():
            shelf.idle = False
        self._look_in(NEW_ROUTE_S if self._failures else ROUTE_S)
        self._spread(route)
