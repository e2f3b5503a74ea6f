"""Locks: who holds, who waits. Pure: no clock, no randomness, no I/O. Standard library only.

This module is the kind's `streams.domain.decider.Decider`. The rules:

* Exclusive, or shared by up to 1,000. First come, first served within a priority; higher priorities go ahead,
  but past no waiter more than 16 times, so nobody starves. A sharer passes no earlier waiter of its priority.
* Every grant has a fencing token greater than all before it. An upgrade is a grant; a downgrade is none.
* A lease is over at `expires_at`; its holder is refused from then on, and the next Tick (or whoever comes
  for the lock first) logs the expiry and grants what it frees.
* A handle that asks for what it holds is told so; its lease is not extended (RenewLock does that).
* No decision has more than some 200 events: the next Tick, due at once, goes on.
"""

from typing import assert_never

from streams.domain.decider import Context, Decision, Requester, Settled, Tick
from streams.domain.locks import sessions
from streams.domain.locks.acquire import acquire
from streams.domain.locks.commands import (
    EXCLUSIVE,
    AbortWait,
    AcquireLock,
    Command,
    DowngradeLock,
    InspectLock,
    ReleaseLock,
    RenewLock,
    UpgradeLock,
    WithdrawLock,
)
from streams.domain.locks.draft import Draft, sweep
from streams.domain.locks.events import (
    Event,
    LockGranted,
    LockUpgraded,
    LockWaitAborted,
    LockWaitTimedOut,
    LockWaitWithdrawn,
)
from streams.domain.locks.evolve import evolve
from streams.domain.locks.inspect import inspect
from streams.domain.locks.lease import downgrade, release_lock, renew, upgrade
from streams.domain.locks.rejections import deadlock_victim, share_lost, wait_timed_out, wait_withdrawn
from streams.domain.locks.replies import LockHeld, LockSwept, Reply
from streams.domain.locks.state import FREE, Lock, next_deadline
from streams.domain.locks.waits import abort, withdraw
from streams.domain.session import SESSION_ENDED, SessionGone

__all__ = ["decide", "evolve", "initial", "next_deadline", "settles"]


def initial(key: str) -> Lock:  # noqa: ARG001 - a free lock knows not even its name
    """Return the free lock."""
    return FREE


def decide(
    command: Command | Tick | SessionGone, who: Requester, state: Lock, context: Context
) -> Decision[Event, Reply]:
    """Return the events that `command` causes on the lock, or why it is refused."""
    match command:
        case AcquireLock():
            return acquire(command, who, state, context)
        case ReleaseLock():
            return release_lock(command, who, state, context)
        case RenewLock():
            return renew(command, who, state, context)
        case Tick():
            return _tick(state, context)
        case SessionGone():
            return sessions.end(command, state, context)
        case WithdrawLock():
            return withdraw(command, who, state, context)
        case UpgradeLock():
            return upgrade(command, who, state, context)
        case DowngradeLock():
            return downgrade(command, who, state, context)
        case AbortWait():
            return abort(command, state, context)
        case InspectLock():
            return Decision((), inspect(state))
        case _:
            assert_never(command)


def _tick(lock: Lock, context: Context) -> Decision[Event, Reply]:
    draft = Draft(lock, context)
    sweep(draft)
    return draft.decision(LockSwept())


def settles(event: Event) -> Settled | None:
    """Return the final answer to the acquire or upgrade that waited, if `event` ends its wait."""
    match event:
        case LockGranted():
            if event.ticket is None:
                return None
            return _settled(event, LockHeld(event.token, event.mode, event.expires_at))
        case LockUpgraded():
            if event.ticket is None:
                return None
            return _settled(event, LockHeld(event.token, EXCLUSIVE, event.expires_at))
        case LockWaitTimedOut():
            return _settled(event, wait_timed_out(event.ticket))
        case LockWaitWithdrawn(cause="CANCELLED"):
            return _settled(event, wait_withdrawn(event.ticket))
        case LockWaitWithdrawn(cause="SESSION_ENDED"):
            return _settled(event, SESSION_ENDED)
        case LockWaitWithdrawn():
            return _settled(event, share_lost(event.ticket, event.cause))
        case LockWaitAborted():
            return _settled(event, deadlock_victim(event.ticket, event.cycle))
        case _:
            return None


_Ending = LockGranted | LockUpgraded | LockWaitTimedOut | LockWaitWithdrawn | LockWaitAborted


def _settled(event: _Ending, reply: object) -> Settled:
    return Settled(event.principal, event.client, event.sequence, reply)
