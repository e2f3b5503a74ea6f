"""Deciding AcquireLock: at once, after waiting, or not. Standard library only.

Order: a new waiter goes behind all of its own and higher priorities, and ahead of lower ones that were
overtaken fewer than `MAX_OVERTAKEN` times. Only the next in line is ever granted: who would fit but is
not next, waits. The event carries the position, so the fold knows nothing of this policy.

A handle that holds the lock already gets the same answer again, but not for another session: what an earlier command
holds for that is released (without a lock-delay, unless it has expired), its wait ends, and the handle asks like
everybody else. Earlier goes by the sequence of commands: one of the old session that comes late takes nothing from the
next one.
"""

from streams.domain.decider import Context, Decision, LeaseMs, Rejected, Requester
from streams.domain.locks.commands import AcquireLock
from streams.domain.locks.draft import Draft, release, sweep, withdrawn
from streams.domain.locks.events import Event, LockGranted, LockTerms, LockWaitStarted
from streams.domain.locks.limits import MAX_OVERTAKEN, MAX_WAITERS, refuse_acquire
from streams.domain.locks.rejections import already_waiting, held_in_other_mode, lock_busy, lock_crowded
from streams.domain.locks.replies import LockHeld, LockWaiting, Reply
from streams.domain.locks.state import Holder, Lock, Waiter, awaited_by, fits, held_by


def acquire(command: AcquireLock, who: Requester, lock: Lock, context: Context) -> Decision[Event, Reply]:
    """Return the grant, the wait, what is held already, or why not."""
    refused = refuse_acquire(command)
    if refused is not None:
        return Decision((), refused)
    if not lock.holders and not lock.waiters and lock.delay_until <= context.now:
        granted = _grant(command, who, context.now, context.token(0))
        return Decision((granted,), LockHeld(granted.token, granted.mode, granted.expires_at))
    known = _known(command, who, lock, context.now)
    if known is not None:
        return Decision((), known)
    return _acquire_taken(command, who, lock, context)


def _acquire_taken(
    command: AcquireLock, who: Requester, lock: Lock, context: Context
) -> Decision[Event, Reply]:
    draft = Draft(lock, context)
    earlier = held_by(lock.holders, who)
    if earlier is not None and earlier.expires_at > context.now and _is_of_an_earlier_session(earlier, who):
        release(draft, earlier)
    waiter = awaited_by(lock.waiters, who)
    if waiter is not None and _is_of_an_earlier_session(waiter, who):
        draft.add(withdrawn(waiter, "SESSION_ENDED"))
    settled = sweep(draft)
    lock = draft.lock
    position = _position(lock.waiters, command.priority)
    if settled and position == 1 and not lock.delay_until and fits(lock.holders, command.mode):
        granted = _grant(command, who, context.now, draft.next_token)
        held = LockHeld(granted.token, granted.mode, granted.expires_at)
        draft.add(granted)
        return draft.decision(held)
    if not command.wait_ms:
        return Decision((), busy(command.name, lock, context.now))
    if len(lock.waiters) >= MAX_WAITERS:
        return Decision((), lock_crowded(command.name, len(lock.waiters)))
    ticket = draft.next_token
    started = _wait(command, who, context.now, ticket, position)
    draft.add(started)
    return draft.decision(LockWaiting(ticket, position), waiting=True)


def _known(command: AcquireLock, who: Requester, lock: Lock, now: LeaseMs) -> Reply | Rejected | None:
    """Return the answer to a handle that holds or waits already: its lease, or why it cannot ask twice."""
    holder = held_by(lock.holders, who)
    if holder is not None and holder.expires_at > now and not _is_of_an_earlier_session(holder, who):
        if holder.mode == command.mode:
            return LockHeld(holder.token, holder.mode, holder.expires_at)
        return held_in_other_mode(command.name, holder.mode, holder.token)
    waiter = awaited_by(lock.waiters, who)
    if waiter is not None and waiter.wait_until > now and not _is_of_an_earlier_session(waiter, who):
        return already_waiting(command.name, waiter.ticket, waiter.sequence)
    return None


def _is_of_an_earlier_session(known: Holder | Waiter, who: Requester) -> bool:
    """Say whether the lease or wait will end with a session that the requester does not act for any more."""
    terms = known.terms
    return terms is not None and terms.session not in ("", who.session) and known.sequence < who.sequence


def _position(waiters: tuple[Waiter, ...], priority: int) -> int:
    ahead = len(waiters)
    while ahead and waiters[ahead - 1].priority < priority and waiters[ahead - 1].overtaken < MAX_OVERTAKEN:
        ahead -= 1
    return ahead + 1


def busy(name: str, lock: Lock, now: int) -> Rejected:
    """Return the refusal that says by what the lock is taken. Names no token: the grant may not be logged yet."""
    if lock.delay_until > now:
        left = lock.delay_until - now
        return lock_busy(name, f"in its lock-delay for {left} ms more, after a lease that expired", left)
    if not lock.holders:
        return lock_busy(name, f"promised to {len(lock.waiters)} waiters", None)
    first, others = lock.holders[0], len(lock.holders) - 1
    more = f" and {others} others" if others else ""
    return lock_busy(name, f"held {first.mode} by client {first.client!r}{more}", None)


def _terms(command: AcquireLock, who: Requester) -> LockTerms | None:
    if command.transaction is None and not command.lock_delay_ms and not who.session:
        return None
    return LockTerms(command.lock_delay_ms, command.transaction, who.session)


def _grant(command: AcquireLock, who: Requester, now: int, token: int) -> LockGranted:
    return LockGranted(
        who.principal,
        who.client,
        who.handle,
        who.sequence,
        token,
        command.mode,
        command.ttl_ms,
        now + command.ttl_ms,
        _terms(command, who),
        None,
    )


def _wait(command: AcquireLock, who: Requester, now: int, ticket: int, position: int) -> LockWaitStarted:
    return LockWaitStarted(
        who.principal,
        who.client,
        who.handle,
        who.sequence,
        ticket,
        position,
        command.mode,
        command.priority,
        command.ttl_ms,
        now + command.wait_ms,
        _terms(command, who),
        None,
    )
