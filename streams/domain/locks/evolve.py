"""The fold: a lock after an event. It trusts the log and decides nothing; released behaviour never changes.

Everything that is policy (order in the queue, lengths of leases, delays) is in the events already. An event
that does not fit the state raises `LookupError`: the log is then not the one this state came from.
Standard library only.
"""

from dataclasses import replace
from typing import assert_never

from streams.domain.locks.commands import EXCLUSIVE, SHARED
from streams.domain.locks.events import (
    Event,
    LockDelayEnded,
    LockDowngraded,
    LockExpired,
    LockGranted,
    LockReleased,
    LockRenewed,
    LockUpgraded,
    LockWaitAborted,
    LockWaitStarted,
    LockWaitTimedOut,
    LockWaitWithdrawn,
)
from streams.domain.locks.state import FREE, Holder, Lock, Waiter, holder_index


def evolve(lock: Lock, event: Event) -> Lock:
    """Return the lock after `event`. Raises `LookupError` on a token or ticket that is not here."""
    match event:
        case LockGranted():
            return _granted(lock, event)
        case LockReleased():
            return _left(lock, event.token, lock.delay_until)
        case LockRenewed():
            return _renewed(lock, event)
        case LockWaitStarted():
            return _wait_started(lock, event)
        case LockExpired():
            return _left(lock, event.token, max(lock.delay_until, event.delay_until or 0))
        case LockWaitTimedOut() | LockWaitWithdrawn() | LockWaitAborted():
            return _lock(lock.holders, _without(lock.waiters, event.ticket), lock.delay_until)
        case LockUpgraded():
            return _upgraded(lock, event)
        case LockDowngraded():
            return _downgraded(lock, event)
        case LockDelayEnded():
            return _lock(lock.holders, lock.waiters, 0)
        case _:
            assert_never(event)


def _lock(holders: tuple[Holder, ...], waiters: tuple[Waiter, ...], delay_until: int) -> Lock:
    return Lock(holders, waiters, delay_until) if holders or waiters or delay_until else FREE


def _granted(lock: Lock, e: LockGranted) -> Lock:
    holder = Holder(
        e.principal, e.client, e.handle, e.sequence, e.token, e.mode, e.ttl_ms, e.expires_at, e.terms, None
    )
    if lock is FREE and e.ticket is None:
        return Lock((holder,), (), 0)
    waiters = lock.waiters
    waiters = _overtaken(waiters) if e.ticket is None else _without(waiters, e.ticket)
    return Lock((*lock.holders, holder), waiters, 0)


def _left(lock: Lock, token: int, delay_until: int) -> Lock:
    index = _index(lock, token)
    holders = lock.holders
    return _lock(holders[:index] + holders[index + 1 :], lock.waiters, delay_until)


def _renewed(lock: Lock, e: LockRenewed) -> Lock:
    index = _index(lock, e.token)
    h = lock.holders[index]
    return _replaced(lock, index, replace(h, expires_at=e.expires_at))


def _upgraded(lock: Lock, e: LockUpgraded) -> Lock:
    index = _index(lock, e.from_token)
    h = lock.holders[index]
    holder = replace(h, token=e.token, mode=EXCLUSIVE, expires_at=e.expires_at, upgrade_sequence=e.sequence)
    waiters = lock.waiters if e.ticket is None else _without(lock.waiters, e.ticket)
    return Lock((holder,), waiters, 0)


def _downgraded(lock: Lock, e: LockDowngraded) -> Lock:
    index = _index(lock, e.token)
    h = lock.holders[index]
    return _replaced(lock, index, replace(h, mode=SHARED))


def _wait_started(lock: Lock, e: LockWaitStarted) -> Lock:
    waiter = Waiter(
        e.principal,
        e.client,
        e.handle,
        e.sequence,
        e.ticket,
        e.mode,
        e.priority,
        e.ttl_ms,
        e.wait_until,
        e.terms,
        e.upgrade_of,
        0,
    )
    ahead, behind = lock.waiters[: e.position - 1], lock.waiters[e.position - 1 :]
    if behind and e.upgrade_of is None:
        behind = _overtaken(behind)
    return Lock(lock.holders, (*ahead, waiter, *behind), lock.delay_until)


def _overtaken(waiters: tuple[Waiter, ...]) -> tuple[Waiter, ...]:
    return tuple(
        [
            Waiter(
                w.principal,
                w.client,
                w.handle,
                w.sequence,
                w.ticket,
                w.mode,
                w.priority,
                w.ttl_ms,
                w.wait_until,
                w.terms,
                w.upgrade_of,
                w.overtaken + 1,
            )
            for w in waiters
        ]
    )


def _replaced(lock: Lock, index: int, holder: Holder) -> Lock:
    holders = lock.holders
    return Lock((*holders[:index], holder, *holders[index + 1 :]), lock.waiters, lock.delay_until)


def _without(waiters: tuple[Waiter, ...], ticket: int) -> tuple[Waiter, ...]:
    for index, waiter in enumerate(waiters):
        if waiter.ticket == ticket:
            return waiters[:index] + waiters[index + 1 :]
    raise LookupError(f"ticket {ticket} does not wait for this lock")


def _index(lock: Lock, token: int) -> int:
    index = holder_index(lock.holders, token)
    if index is None:
        raise LookupError(f"token {token} does not hold this lock")
    return index
