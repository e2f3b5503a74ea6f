"""`queue.consume(...)`: messages as they come, one after the other.

    async for message in queue.consume(prefetch=100):
        async with message:                    # acknowledged at the end; an exception fails it
            await ship(message.payload)

Leases are extended while messages are worked on, for 12 hours at most. What lies ready for half its lease goes back,
so that whoever is handed a message has time for it, and others get those that we are too slow for.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

from tidelock.client.errors import TidelockError
from tidelock.client.membership import Membership
from tidelock.client.queues.access import Access
from tidelock.client.queues.appetite import Appetite, lease_ms_of
from tidelock.client.queues.draining import Drain
from tidelock.client.queues.leases import Leases
from tidelock.client.queues.message import Message
from tidelock.client.queues.shelf import Batch, Shelf
from tidelock.client.queues.starvation import Starvation

_T = TypeVar("_T")

STOP_S: Final = 2.0
"""How long `stop` waits for the answers to what it gives back."""
log = logging.getLogger("tidelock.queues")


class Consumer(Generic[_T]):
    """Hands out the messages of one queue or subscription; made by `queue.consume(...)`.

    Iterate over it, or call `get`. `stop` ends the iteration: what lies ready goes back at once; messages that were
    handed out stay leased until they are settled. Leaving `async with consumer:` gives those back, too.
    """

    def __init__(self, access: Access, codec: Any, subscription: str, appetite: Appetite) -> None:
        appetite.check()
        lease_ms = lease_ms_of(appetite.lease)
        self._access = access
        self._appetite = appetite
        self._clock = clock = access.queues.clock
        self._leases = leases = Leases(clock, lease_ms, appetite.auto_extend, self)
        self._drain = Drain(access, codec, subscription, appetite.prefetch, lease_ms, leases, self)
        self._starvation = Starvation(clock, access.name, leases, self._most, lambda: bool(self._getting))
        self._turn: deque[Shelf] = deque()
        """Shelves on which something lies ready, next first."""
        self._getting: deque[asyncio.Future[None]] = deque()
        self._resting: list[asyncio.Future[None]] = []
        self._error: TidelockError | None = None
        self._stopped_s: float | None = None
        self._is_told = False

    # -- for callers -----------------------------------------------------------------------------------------

    async def get(self) -> Message[_T] | None:
        """Return the next message, whenever it comes; None once the consumer is stopped. Raises `QueueUnknown`."""
        if not self._drain.shelves and not self._stopping:
            await self._start()
        while not self._stopping:
            message = self._next()
            if message is not None:
                return message
            if self._error is not None:
                raise self._error
            self._drain.wanted()
            self._starvation.watch()
            await self._something()
        return None

    async def stop(self) -> None:
        """Hand out nothing more; give back what lies ready, and return once that is confirmed, or after 2 s.

        What is not confirmed by then comes back when its lease ends.
        """
        self.stop_nowait()
        assert self._stopped_s is not None
        end_s = self._stopped_s + STOP_S
        while (left := self._leases.unconfirmed()) and self._clock.now() < end_s:
            await self._rest(end_s)
        if left and not self._is_told:
            self._is_told = True
            log.warning(
                "%d prefetched messages of %r were given back, and no answer came: they come again when their "
                "leases end.", left, self._access.name,
            )  # fmt: skip

    def stop_nowait(self) -> None:
        """Stop without awaiting the answers."""
        if self._stopping:
            return
        self._stopped_s = self._clock.now()
        self._starvation.close()
        self._drain.close()
        self._turn.clear()
        self._wake(len(self._getting))
        self.ended()

    def give_up(self) -> None:
        """Stop, and give back what is worked on, too. For whoever knows that nobody works any more."""
        self.stop_nowait()
        self._leases.give_back_all()

    def lose(self, member: Membership, why: str) -> None:
        """What is leased on behalf of `member` can no longer be trusted. For the client whose session ends."""
        self._leases.lose_all(member, why)

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

    # -- from its parts --------------------------------------------------------------------------------------

    def came(self, batch: Batch) -> None:
        """Hand out what came."""
        if batch.shelf not in self._turn:
            self._turn.append(batch.shelf)
        self._wake(len(batch.messages))

    def failed(self, error: TidelockError) -> None:
        """Raise it to whoever asks."""
        self._error = error
        self._wake(len(self._getting))

    def freed(self) -> None:
        """Another may be worked on."""
        self._wake(1)

    def ended(self) -> None:
        """If nothing is leased any more, the client need not give anything back."""
        if not self._stopping:
            return
        self._wake_resting()
        if not self._leases:
            self._access.consumers.pop(self, None)

    # -- handing out -----------------------------------------------------------------------------------------

    @property
    def _stopping(self) -> bool:
        return self._stopped_s is not None

    def _most(self) -> int:
        """Return how many may be worked on at a time."""
        most, credit = self._appetite.concurrency, self._drain.credit
        return credit if most is None else min(most, credit)

    async def _start(self) -> None:
        self._access.consumers[self] = None
        try:
            await self._drain.start()
        except TidelockError:
            self._access.consumers.pop(self, None)
            raise

    def _next(self) -> Message[_T] | None:
        most = self._appetite.concurrency
        if most is not None and self._leases.busy >= most:
            return None
        turn = self._turn
        while turn:
            shelf = turn.popleft()
            while shelf.ready:
                message = shelf.ready.popleft()
                if self._leases.hand_out(message):
                    if shelf.ready:
                        turn.append(shelf)
                    shelf.ask_soon()
                    return message
        return None

    # -- waiting ---------------------------------------------------------------------------------------------

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

    async def _rest(self, end_s: float) -> None:
        """Return when a lease has ended, or at `end_s`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._resting.append(future)
        timer = self._clock.call_at(end_s, self._wake_resting)
        try:
            await future
        finally:
            timer.cancel()

    def _wake_resting(self) -> None:
        resting, self._resting = self._resting, []
        for future in resting:
            if not future.done():
                future.set_result(None)
