"""`client.lock(...)`: the usual way to hold a lock, as a context manager."""

import asyncio
from types import TracebackType

from tidelock.client.errors import LockError, LockLost
from tidelock.client.held import HeldLock
from tidelock.client.keeper import Keeper
from tidelock.client.locks import Locks
from tidelock.client.terms import Terms


class Lock:
    """A lock that may be taken: `async with client.lock("orders/42") as held: ...`. One holder at a time.

    While the body runs the lease is renewed. If it is lost all the same, the task that entered is cancelled
    (unless `cancel_on_loss=False`) and leaving raises `LockLost`: no code runs on believing that it holds it.
    Without a body: `held = await lock.acquire()`, `await held.release()`; then watch `held.lost` yourself.
    """

    __slots__ = ("_cancelled", "_cancelling", "_held", "_keeper", "_locks", "_task", "_terms", "name")

    def __init__(self, name: str, terms: Terms, locks: Locks, keeper: Keeper) -> None:
        self.name = name
        self._terms = terms
        self._locks = locks
        self._keeper = keeper
        self._held: HeldLock | None = None
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._cancelled = False

    async def acquire(self) -> HeldLock:
        """Take the lock and renew it until it is released. Raises what `Locks.acquire` raises."""
        locks = self._locks
        pending = locks.ask(self._terms.command(self.name))
        held = HeldLock(await locks.granted(pending), pending, locks.clock, locks, self._keeper)
        if pending.waited or pending.uncertain:
            await self._freshen(held)
        return held

    async def _freshen(self, held: HeldLock) -> None:
        try:
            await self._locks.freshen(held)
        except BaseException:
            self._keeper.drop(held)
            raise

    async def __aenter__(self) -> HeldLock:
        if self._held is not None:
            raise LockError(
                f"This object holds lock {self.name!r} already. Make another one: client.lock(...)."
            )
        held = self._held = await self.acquire()
        task = asyncio.current_task()
        if self._terms.cancel_on_loss and task is not None:
            self._task, self._cancelling = task, task.cancelling()
            held.on_lost = self._cancel
        return held

    def _cancel(self) -> None:
        if self._task is not None and not self._cancelled:
            self._cancelled = True
            self._task.cancel(f"lock {self.name!r} was lost")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        held, self._held = self._held, None
        assert held is not None
        held.on_lost = None
        if self._cancelled:
            await self._leave_cancelled(held, error)
        elif error is None:
            await held.release()
        else:
            await _release_quietly(held)

    async def _leave_cancelled(self, held: HeldLock, error: BaseException | None) -> None:
        """Take our own cancellation back and say why instead; somebody else's stays."""
        task, self._task, self._cancelled = self._task, None, False
        assert task is not None
        if not isinstance(error, asyncio.CancelledError):
            try:
                await asyncio.sleep(
                    0
                )  # if ours is still to be delivered: here, not in the caller's next await
            except asyncio.CancelledError as delivered:
                error = error or delivered
        by_others = task.uncancel() > self._cancelling
        if error is None or (isinstance(error, asyncio.CancelledError) and not by_others):
            await held.release()
            return
        await _release_quietly(held)
        if by_others and isinstance(error, asyncio.CancelledError):
            raise error


async def _release_quietly(held: HeldLock) -> None:
    """Release while another error is on its way, which matters more than that the lock was lost."""
    try:
        await held.release()
    except LockLost:
        return
