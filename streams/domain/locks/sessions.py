"""Deciding SessionGone: its waits end, then its leases, then others are granted. Standard library only."""

from streams.domain.decider import Context, Decision
from streams.domain.locks.draft import Draft, expire, sweep, withdrawn
from streams.domain.locks.events import Event, LockTerms
from streams.domain.locks.replies import LockSwept, Reply
from streams.domain.locks.state import Lock
from streams.domain.session import SessionGone


def sessions_of(lock: Lock) -> tuple[str, ...]:
    """Return the sessions that something of the lock belongs to."""
    terms = [holder.terms for holder in lock.holders]
    terms += [waiter.terms for waiter in lock.waiters]
    return tuple(dict.fromkeys(each.session for each in terms if each is not None and each.session))


def end(command: SessionGone, lock: Lock, context: Context) -> Decision[Event, Reply]:
    """Return what the session loses, as much as one decision holds, and who gets it."""
    draft = Draft(lock, context)
    if _end_waits(draft, command) and _end_leases(draft, command):
        sweep(draft)
    return draft.decision(LockSwept())


def _end_waits(draft: Draft, command: SessionGone) -> bool:
    for waiter in draft.lock.waiters:
        if _is_of(waiter.terms, command):
            if draft.full:
                return False
            draft.add(withdrawn(waiter, "SESSION_ENDED"))
    return True


def _end_leases(draft: Draft, command: SessionGone) -> bool:
    for holder in draft.lock.holders:
        if _is_of(holder.terms, command):
            if draft.full:
                return False
            expire(draft, holder, command.cause)
    return True


def _is_of(terms: LockTerms | None, command: SessionGone) -> bool:
    return terms is not None and terms.session == command.session
