"""A held lock: a lease that is renewed in the background until it is released or lost."""

import asyncio
from collections.abc import Callable

from streams.domain.locks.replies import LockHeld
from tidelock.client.clock import Clock
from tidelock.client.errors import LockLost, NotHeld, OutcomeUnknown, Unavailable
from tidelock.client.keeper import Keeper
from tidelock.client.lease import Lease
from tidelock.client.locks import Locks, lost
from tidelock.client.pending import Pending


class HeldLock(Lease):
    """A lock that this client holds. Token, mode and expiry follow renewals, upgrades and downgrades."""

    on_lost: Callable[[], None] | None = None
    renewing = False
    renew_at_s = 0.0
    _lost: asyncio.Event | None = None
    _why: str | None = None

    def __init__(self, grant: LockHeld, pending: Pending, clock: Clock, locks: Locks, keeper: Keeper) -> None:
        """`pending` is the acquire that was answered by `grant`."""
        super().__init__(grant, pending, clock)
        self._locks = locks
        self._keeper = keeper
        keeper.keep(self)

    @property
    def lost(self) -> asyncio.Event:
        """Set once the lease, though not released, can no longer be trusted: `await held.lost.wait()`."""
        if self._lost is None:
            self._lost = asyncio.Event()
            if self._why is not None:
                self._lost.set()
        return self._lost

    @property
    def is_lost(self) -> bool:
        """Whether the lease can no longer be trusted although it was not released."""
        return self._why is not None

    def check(self) -> None:
        """Raise `LockLost` if the lock is not held for certain right now."""
        if self._why is not None or (not self.ended and self.expires_in() <= 0):
            raise self.loss()

    def loss(self) -> LockLost:
        """Return the error that says why the lock was lost."""
        return lost(self.name, self._why or "its lease could not be renewed in time")

    def lose(self, why: str) -> None:
        """Let the holder know. For the renewer."""
        self._why = why
        if self._lost is not None:
            self._lost.set()
        if self.on_lost is not None:
            self.on_lost()

    def give_up(self, why: str) -> None:
        """Release without awaiting the answer, and let the holder know. For the client that is closed."""
        self._locks.release_nowait(self)
        self.lose(why)

    async def renew(self, ttl: float | None = None) -> None:
        """Let the lease run `ttl` s (default: as before) from now. It is renewed in the background anyway."""
        await self._locks.renew(self, ttl)
        self._keeper.refresh(self)

    async def upgrade(self, *, wait: float | None = None) -> None:
        """Hold exclusively what is held shared, under a new token. See `Locks.upgrade`."""
        await self._locks.upgrade(self, wait=wait)
        self._keeper.refresh(self)

    async def downgrade(self) -> None:
        """Hold shared what is held exclusively, under the same token."""
        await self._locks.downgrade(self)

    async def release(self) -> None:
        """Give the lock back. Raises `LockLost` if it was lost before.

        The release is sent even if the caller is cancelled. If no answer comes while the lease may last, that
        is no error: the lease has ended by then.
        """
        self._keeper.drop(self)
        if self._why is not None:
            if not self.ended:
                self._locks.release_nowait(self)  # lease time may have stood still: let others have it sooner
            raise self.loss()
        if self.ended:
            return
        leased_s = self.leased_until() - self._clock.now()
        try:
            await self._locks.release(self, timeout=min(60.0, max(1.0, leased_s)))
        except NotHeld as error:
            self._why = str(error)
            raise self.loss() from error
        except (OutcomeUnknown, Unavailable):
            return
