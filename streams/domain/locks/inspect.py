"""InspectLock: the lock as the log has it. Standard library only.

A holder whose lease is over is shown until its `LockExpired` is logged: a read foretells nothing.
"""

from streams.domain.locks.commands import Transaction
from streams.domain.locks.events import LockTerms
from streams.domain.locks.limits import MAX_SHOWN
from streams.domain.locks.replies import LockHolder, LockState, LockWaiter
from streams.domain.locks.state import Holder, Lock, Waiter


def inspect(lock: Lock) -> LockState:
    """Return who holds and who waits, the first of each, and how many there are."""
    return LockState(
        lock.holders[0].mode if lock.holders else "FREE",
        tuple(_shown_holder(holder) for holder in lock.holders[:MAX_SHOWN]),
        tuple(_shown_waiter(waiter) for waiter in lock.waiters[:MAX_SHOWN]),
        len(lock.holders),
        len(lock.waiters),
        lock.delay_until or None,
    )


def _shown_holder(h: Holder) -> LockHolder:
    return LockHolder(h.principal, h.client, h.handle, h.token, h.mode, h.expires_at, _transaction(h.terms))


def _shown_waiter(w: Waiter) -> LockWaiter:
    return LockWaiter(
        w.principal,
        w.client,
        w.handle,
        w.ticket,
        w.mode,
        w.priority,
        w.wait_until,
        w.upgrade_of,
        _transaction(w.terms),
    )


def _transaction(terms: LockTerms | None) -> Transaction | None:
    return terms.transaction if terms is not None else None
