"""`client.lock(...)`: the usual way to hold a lock, as a context manager."""

import asyncio
from types import TracebackType
from typing import TypedDict

from streams.domain.locks.commands import EXCLUSIVE, SHARED, AcquireLock, Transaction
from streams.domain.locks.limits import MAX_WAIT_MS
from streams.domain.value import value
from tidelock.client.errors import LockError, LockLost
from tidelock.client.held import HeldLock
from tidelock.client.keeper import Keeper
from tidelock.client.locks import Locks


class LockOptions(TypedDict, total=False):
    """What may be said when a lock is asked for. Times in seconds."""

    shared: bool
    """Hold it together with other sharers; default: alone."""
    ttl: float
    """Length of the lease, 0.1 to 86,400; renewed after a third of it. Others wait so long if we die."""
    wait: float | None
    """How long to queue for it; None (default): up to a day; 0: only try."""
    priority: int
    """0 (default) to 9; 9 is served first."""
    lock_delay: float
    """If the lease expires (not: is released), nobody gets the lock for so long; default 0."""
    cancel_on_loss: bool
    """Cancel the task that runs the body when the lease is lost (default), and raise `LockLost`."""


@value
class Terms:
    """`LockOptions` with their defaults, and the transaction if there is one."""

    shared: bool = False
    ttl: float = 30.0
    wait: float | None = None
    priority: int = 0
    lock_delay: float = 0.0
    cancel_on_loss: bool = True
    transaction: Transaction | None = None

    def command(self, name: str) -> AcquireLock:
        """Return the acquire of `name` on these terms."""
        return AcquireLock(
            name,
            SHARED if self.shared else EXCLUSIVE,
            round(self.ttl * 1000),
            MAX_WAIT_MS if self.wait is None else round(self.wait * 1000),
            self.priority,
            round(self.lock_delay * 1000),
            self.transaction,
        )


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
