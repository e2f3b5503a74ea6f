"""Deciding what a holder asks: renew, release, upgrade, downgrade. Standard library only.

A lease is over at `expires_at`, whether or not the timer has come; only its own handle may name its token.
"""

from streams.domain.decider import Context, Decision, LeaseMs, Rejected, Requester
from streams.domain.locks.acquire import busy
from streams.domain.locks.commands import (
    EXCLUSIVE,
    SHARED,
    DowngradeLock,
    ReleaseLock,
    RenewLock,
    UpgradeLock,
)
from streams.domain.locks.draft import Draft, release, sweep, upgraded
from streams.domain.locks.events import Event, LockDowngraded, LockReleased, LockRenewed, LockWaitStarted
from streams.domain.locks.limits import MAX_PRIORITY, refuse_ttl, refuse_wait
from streams.domain.locks.rejections import already_waiting, not_held, upgrade_conflict
from streams.domain.locks.replies import LeaseExtended, LockFreed, LockHeld, LockWaiting, Reply
from streams.domain.locks.state import Holder, Lock, Waiter, holder_index, upgrade_in


def renew(command: RenewLock, who: Requester, lock: Lock, context: Context) -> Decision[Event, Reply]:
    """Return the longer lease; without an event if it runs that long already."""
    refused = refuse_ttl(command.ttl_ms)
    if refused is not None:
        return Decision((), refused)
    token = command.token
    holder = _held(lock, token, who, context.now)
    if holder is None:
        return Decision((), not_held(command.name, token))
    expires_at = context.now + command.ttl_ms
    if expires_at <= holder.expires_at:
        return Decision((), LeaseExtended(token, holder.expires_at))
    return Decision((LockRenewed(token, expires_at),), LeaseExtended(token, expires_at))


def release_lock(
    command: ReleaseLock, who: Requester, lock: Lock, context: Context
) -> Decision[Event, Reply]:
    """Return the end of the lease and the grants it makes room for."""
    token = command.token
    holder = _held(lock, token, who, context.now)
    if holder is None:
        return Decision((), not_held(command.name, token))
    if not lock.waiters:
        return Decision((LockReleased(token),), LockFreed(token))
    draft = Draft(lock, context)
    release(draft, holder)
    sweep(draft)
    return draft.decision(LockFreed(token))


def upgrade(command: UpgradeLock, who: Requester, lock: Lock, context: Context) -> Decision[Event, Reply]:
    """Return the exclusive lease, the wait for the other sharers, or why not."""
    refused = refuse_wait(command.wait_ms)
    if refused is not None:
        return Decision((), refused)
    holder = _held(lock, command.token, who, context.now)
    if holder is None:
        return Decision((), not_held(command.name, command.token))
    if holder.mode == EXCLUSIVE:
        return Decision((), LockHeld(holder.token, EXCLUSIVE, holder.expires_at))
    own = upgrade_in(lock)
    if own is not None and own.upgrade_of == holder.token and own.wait_until > context.now:
        return Decision((), already_waiting(command.name, own.ticket, own.sequence))
    return _upgrade_share(command, who, holder, Draft(lock, context))


def _upgrade_share(
    command: UpgradeLock, who: Requester, holder: Holder, draft: Draft
) -> Decision[Event, Reply]:
    settled = sweep(draft)
    lock, now = draft.lock, draft.context.now
    other = upgrade_in(lock)
    if other is not None:
        return Decision((), _second_upgrade(command, other))
    if settled and len(lock.holders) == 1 and not lock.delay_until:
        event = upgraded(draft, holder, who.sequence, None)
        draft.add(event)
        return draft.decision(LockHeld(event.token, EXCLUSIVE, event.expires_at))
    if not command.wait_ms:
        return Decision((), busy(command.name, lock, now))
    ticket = draft.next_token
    started = _upgrade_wait(holder, who.sequence, ticket, now + command.wait_ms)
    draft.add(started)
    return draft.decision(LockWaiting(ticket, 1), waiting=True)


def downgrade(command: DowngradeLock, who: Requester, lock: Lock, context: Context) -> Decision[Event, Reply]:
    """Return the shared lease under the same token, and the sharers it lets in. A share stays as it is."""
    holder = _held(lock, command.token, who, context.now)
    if holder is None:
        return Decision((), not_held(command.name, command.token))
    reply = LockHeld(holder.token, SHARED, holder.expires_at)
    if holder.mode == SHARED:
        return Decision((), reply)
    draft = Draft(lock, context)
    draft.add(LockDowngraded(holder.token))
    sweep(draft)
    return draft.decision(reply)


def _held(lock: Lock, token: int, who: Requester, now: LeaseMs) -> Holder | None:
    index = holder_index(lock.holders, token)
    if index is None:
        return None
    h = lock.holders[index]
    if (
        h.handle == who.handle
        and h.client == who.client
        and h.principal == who.principal
        and h.expires_at > now
    ):
        return h
    return None


def _second_upgrade(command: UpgradeLock, other: Waiter) -> Rejected:
    if other.upgrade_of == command.token:
        return already_waiting(command.name, other.ticket, other.sequence)
    return upgrade_conflict(command.name, other.ticket)


def _upgrade_wait(h: Holder, sequence: int, ticket: int, wait_until: LeaseMs) -> LockWaitStarted:
    return LockWaitStarted(
        h.principal,
        h.client,
        h.handle,
        sequence,
        ticket,
        1,
        EXCLUSIVE,
        MAX_PRIORITY,
        h.ttl_ms,
        wait_until,
        h.terms,
        h.token,
    )
