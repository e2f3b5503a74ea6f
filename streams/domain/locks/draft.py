"""A decision in the making, and the work that time and departures leave: expiries, timeouts, grants.

Standard library only.
"""

from streams.domain.decider import Context, Decision, Rejected
from streams.domain.locks.events import (
    Event,
    LockDelayEnded,
    LockExpired,
    LockGranted,
    LockReleased,
    LockUpgraded,
    LockWaitTimedOut,
    LockWaitWithdrawn,
    WithdrawCause,
)
from streams.domain.locks.evolve import evolve
from streams.domain.locks.limits import MAX_EVENTS
from streams.domain.locks.replies import Reply
from streams.domain.locks.state import Holder, Lock, Waiter, grantable, upgrade_in


class Draft:
    """The events decided so far, and the lock as they leave it."""

    __slots__ = ("context", "events", "lock")

    def __init__(self, lock: Lock, context: Context) -> None:
        self.lock = lock
        self.context = context
        self.events: list[Event] = []

    def add(self, event: Event) -> None:
        """Decide that `event` happens next."""
        self.events.append(event)
        self.lock = evolve(self.lock, event)

    def decision(self, reply: Reply | Rejected, *, waiting: bool = False) -> Decision[Event, Reply]:
        """Return what was drafted, with its reply."""
        return Decision(tuple(self.events), reply, waiting, self.lock)

    @property
    def next_token(self) -> int:
        """Token, or ticket, of the event that is added next."""
        return self.context.token(len(self.events))

    @property
    def full(self) -> bool:
        """True when no more may be added but the command's own event."""
        return len(self.events) >= MAX_EVENTS


def sweep(draft: Draft) -> bool:
    """Add all that is due: expiries, then timeouts, then grants. Return False if some is left for a Tick."""
    return _expire(draft) and _time_out(draft) and _grant(draft)


def release(draft: Draft, holder: Holder) -> None:
    """Add the end of a lease by its holder's wish."""
    _drop_upgrade_of(draft, holder, "RELEASED")
    draft.add(LockReleased(holder.token))


def _drop_upgrade_of(draft: Draft, holder: Holder, cause: WithdrawCause) -> None:
    waiter = upgrade_in(draft.lock)
    if waiter is not None and waiter.upgrade_of == holder.token:
        draft.add(withdrawn(waiter, cause))


def withdrawn(w: Waiter, cause: WithdrawCause) -> LockWaitWithdrawn:
    """Return the event that ends the wait `w`."""
    return LockWaitWithdrawn(w.principal, w.client, w.handle, w.sequence, w.ticket, cause)


def _expire(draft: Draft) -> bool:
    now = draft.context.now
    for holder in draft.lock.holders:
        if holder.expires_at <= now:
            if draft.full:
                return False
            expire(draft, holder, "")
    return True


def expire(draft: Draft, holder: Holder, cause: str) -> None:
    """Add the end of a lease without its holder's doing."""
    _drop_upgrade_of(draft, holder, "EXPIRED")
    delay_ms = holder.terms.lock_delay_ms if holder.terms is not None else 0
    draft.add(LockExpired(holder.token, draft.context.now + delay_ms if delay_ms else None, cause))


def _time_out(draft: Draft) -> bool:
    now = draft.context.now
    for w in draft.lock.waiters:
        if w.wait_until <= now:
            if draft.full:
                return False
            draft.add(LockWaitTimedOut(w.principal, w.client, w.handle, w.sequence, w.ticket))
    return True


def _grant(draft: Draft) -> bool:
    now = draft.context.now
    while draft.lock.delay_until <= now and (waiter := grantable(draft.lock)) is not None:
        if draft.full:
            return False
        if waiter.upgrade_of is None:
            draft.add(_granted(draft, waiter))
        else:
            draft.add(upgraded(draft, draft.lock.holders[0], waiter.sequence, waiter.ticket))
    if 0 < draft.lock.delay_until <= now:
        draft.add(LockDelayEnded())
    return True


def _granted(draft: Draft, w: Waiter) -> LockGranted:
    """Return the grant that ends the wait `w`. The lease starts now."""
    expires_at = draft.context.now + w.ttl_ms
    return LockGranted(
        w.principal,
        w.client,
        w.handle,
        w.sequence,
        draft.next_token,
        w.mode,
        w.ttl_ms,
        expires_at,
        w.terms,
        w.ticket,
    )


def upgraded(draft: Draft, h: Holder, sequence: int, ticket: int | None) -> LockUpgraded:
    """Return the upgrade of the only sharer `h`: a new token, and its acquire's `ttl_ms` of lease or more."""
    expires_at = max(h.expires_at, draft.context.now + h.ttl_ms)
    return LockUpgraded(
        h.principal, h.client, h.handle, sequence, h.token, draft.next_token, expires_at, ticket
    )
