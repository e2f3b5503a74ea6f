"""`client.locks`: the commands of locks, one call each. No background renewal; less work than `client.lock`.

lease = await client.locks.acquire("orders/42", ttl=30, wait=5)
...                                  # lease.token, lease.expires_in()
await client.locks.release(lease)
"""

import asyncio

from streams.domain.decider import Rejected
from streams.domain.locks.commands import (
    SHARED,
    AcquireLock,
    DowngradeLock,
    InspectLock,
    ReleaseLock,
    RenewLock,
    Transaction,
    UpgradeLock,
    WithdrawLock,
)
from streams.domain.locks.limits import MAX_WAIT_MS
from streams.domain.locks.replies import LeaseExtended, LockFreed, LockHeld, LockState, LockWithdrawn
from streams.wire.keys import name_problem
from tidelock.client.errors import ClientClosed, LockLost, NotHeld, OutcomeUnknown
from tidelock.client.lease import Lease
from tidelock.client.partition import Partition
from tidelock.client.pending import DONE, Outcome, Pending
from tidelock.client.rejections import problem, rejection_error
from tidelock.client.session import Session
from tidelock.client.terms import Terms, ms_of

KIND = "locks"
MAX_PLACES = 65_536
"""Names whose partition is remembered."""
FRESH = 0.5
"""A lease that came by push is renewed first if less than this share of it can be trusted: the wait made the
client's knowledge of lease time old."""


class Locks:
    """The commands of locks, one call each. Times are seconds; names belong to the client's tenant."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.clock = session.clock
        self._places: dict[str, Partition] = {}
        self._upgrading: dict[Pending, Lease] = {}

    async def acquire(
        self,
        name: str,
        *,
        shared: bool = False,
        ttl: float = 30.0,
        wait: float | None = None,
        priority: int = 0,
        lock_delay: float = 0.0,
        transaction: Transaction | None = None,
        handle: str | None = None,
    ) -> Lease:
        """Return a lease, after waiting up to `wait` s (None: up to a day; 0: only try).

        `handle` names the holder within this client; asking again by the same one returns what it holds, for the same
        session of the node that this client is, if it is one.
        Raises `LockBusy`, `WaitTimedOut`, `Deadlock`, `OutcomeUnknown`, `BadArgument`.
        A cancelled call leaves neither a waiter nor a lease behind.
        """
        terms = Terms(
            shared=shared,
            ttl=ttl,
            wait=wait,
            priority=priority,
            lock_delay=lock_delay,
            transaction=transaction,
        )
        pending = self.ask(terms.command(name), handle)
        lease = Lease(await self.granted(pending), pending, self.clock)
        if pending.waited or pending.uncertain:
            await self.freshen(lease)
        return lease

    def ask(self, command: AcquireLock, handle: str | None = None) -> Pending:
        """Send an acquire; await `granted` next."""
        session, name = self._session, command.name
        partition = self._partition(name)
        if handle is None:
            handle = session.new_handle()
        pending = session.submit(partition, command, handle)
        pending.asked = (name, handle, command.ttl_ms)
        pending.wait_s = command.wait_ms / 1000
        return pending

    async def granted(self, pending: Pending) -> LockHeld:
        """Return the grant that `pending` gets; if the caller is cancelled, take it back."""
        try:
            reply = pending.outcome if pending.phase is DONE else await pending.result()
        except asyncio.CancelledError:
            self._session.abandon(pending)
            if may_hold(pending):
                self.withdraw_nowait(pending)
            raise
        if type(reply) is LockHeld:
            return reply
        if isinstance(reply, OutcomeUnknown):
            self.withdraw_nowait(pending)
        error = problem(reply, pending.asked[0])
        error.position = pending.position
        raise error

    async def freshen(self, lease: Lease) -> None:
        """Renew a lease whose grant came late, before the caller relies on it."""
        if (lease.leased_until() - self.clock.now()) * 1000 > FRESH * lease.ttl_ms:
            return
        try:
            await self.renew(lease)
        except NotHeld as error:
            raise lost(lease.name, "it expired while its grant was on its way") from error
        except BaseException:
            self.release_nowait(lease)
            raise

    def withdraw_nowait(self, pending: Pending) -> None:
        """Undo an acquire or upgrade whose outcome nobody awaits, whether or not it was granted meanwhile."""
        session, lease = self._session, self._upgrading.get(pending)
        if session.closed:
            return
        name, handle, _ = pending.asked

        def done(outcome: Outcome) -> None:
            session.drop(pending)
            if lease is not None:
                self._settled(lease, outcome)

        withdrawal = session.submit(
            pending.partition, WithdrawLock(name, pending.sequence), handle, on_done=done, while_closing=True
        )
        if lease is not None:
            lease.settling = withdrawal

    def _settled(self, lease: Lease, outcome: Outcome) -> None:
        lease.settling = None
        if type(outcome) is LockWithdrawn and outcome.token is not None:
            lease.token, lease.mode = outcome.token, SHARED
        if lease.ended and not self._session.closed:
            self._send_release(lease, None)

    async def release(self, lease: Lease, *, timeout: float | None = None) -> None:
        """Give the lock back; also if the caller is cancelled meanwhile. Raises `NotHeld`."""
        self.release_nowait(lease, timeout)
        if lease.settling is not None:
            await self._session.outcome(lease.settling, keep=True)
        if lease.released is None:
            raise ClientClosed(
                f"The client was closed before lock {lease.name!r} was released; it will expire."
            )
        released = lease.released
        reply = released.outcome if released.phase is DONE else await released.result()
        if type(reply) is not LockFreed:
            raise problem(reply, lease.name)

    def release_nowait(self, lease: Lease, timeout: float | None = None) -> None:
        """Give the lock back without awaiting the answer."""
        lease.ended = True
        if lease.settling is None:
            self._send_release(lease, timeout)

    def _send_release(self, lease: Lease, timeout: float | None) -> None:
        command = ReleaseLock(lease.name, lease.token)
        lease.released = self._session.submit(
            lease.partition, command, lease.handle, timeout, while_closing=True
        )

    async def renew(self, lease: Lease, ttl: float | None = None) -> None:
        """Let the lease run `ttl` s (default: as before) from now, never shorter. Raises `NotHeld`."""
        if ttl is not None:
            lease.ttl_ms = ms_of(ttl, "ttl")
        command = RenewLock(lease.name, lease.token, lease.ttl_ms)
        reply = await self._session.outcome(self._session.submit(lease.partition, command, lease.handle))
        if type(reply) is not LeaseExtended:
            raise problem(reply, lease.name)
        lease.expires_at_ms = max(lease.expires_at_ms, reply.expires_at)

    async def upgrade(self, lease: Lease, *, wait: float | None = None) -> None:
        """Turn the shared lease into an exclusive one under a new token, once the other sharers have left.

        Raises `LockBusy`, `NotHeld`, `LockError` (UPGRADE_CONFLICT: another sharer waits for its upgrade).
        """
        wait_ms = MAX_WAIT_MS if wait is None else ms_of(wait, "wait")
        command = UpgradeLock(lease.name, lease.token, wait_ms)
        pending = self._session.submit(
            lease.partition, command, lease.handle, on_done=lambda o: took(lease, o)
        )
        pending.asked = (lease.name, lease.handle, lease.ttl_ms)
        pending.wait_s = wait_ms / 1000
        self._upgrading[pending] = lease
        try:
            await self.granted(pending)
        finally:
            del self._upgrading[pending]

    async def downgrade(self, lease: Lease) -> None:
        """Turn the exclusive lease into a shared one; the token stays. Raises `NotHeld`."""
        command = DowngradeLock(lease.name, lease.token)
        pending = self._session.submit(
            lease.partition, command, lease.handle, on_done=lambda o: took(lease, o)
        )
        reply = await self._session.outcome(pending, keep=True)
        if type(reply) is not LockHeld:
            raise problem(reply, lease.name)

    async def inspect(self, name: str) -> LockState:
        """Return holders and waiters as the lock's owner decided them: never stale."""
        session = self._session
        reply = await session.outcome(session.submit(self._partition(name), InspectLock(name)))
        if type(reply) is not LockState:
            raise problem(reply, name)
        return reply

    def _partition(self, name: str) -> Partition:
        partition = self._places.get(name)
        if partition is None:
            refused = name_problem(name)
            if refused is not None:
                raise rejection_error(refused, name)
            if len(self._places) >= MAX_PLACES:
                self._places.clear()
            partition = self._places[name] = self._session.partition_of(KIND, name)
        return partition


def may_hold(pending: Pending) -> bool:
    """Return whether an acquire or upgrade may have left something behind: it was sent, and not answered "no"."""
    return pending.first_sent_s is not None and type(pending.outcome) is not Rejected


def took(lease: Lease, outcome: Outcome) -> None:
    """Let `lease` be what `outcome` says. At once: the answer to a renewal may be in the same frame."""
    if type(outcome) is LockHeld:
        lease.token, lease.mode, lease.expires_at_ms = outcome.token, outcome.mode, outcome.expires_at


def lost(name: str, why: str) -> LockLost:
    """Return the error for a lease that can no longer be trusted."""
    error = LockLost(
        f"Lock {name!r} was lost: {why}. Somebody else may hold it. Stop what it protects; acquire it again."
    )
    error.name = name
    return error
