"""Deciding the end of waits by others than time: the client gives up, the detector breaks a deadlock.

Standard library only.
"""

from streams.domain.decider import Context, Decision, Requester
from streams.domain.locks.commands import EXCLUSIVE, AbortWait, WithdrawLock
from streams.domain.locks.draft import Draft, release, sweep, withdrawn
from streams.domain.locks.events import Event, LockDowngraded, LockWaitAborted
from streams.domain.locks.limits import refuse_abort
from streams.domain.locks.replies import LockWithdrawn, Reply, WaitAborted
from streams.domain.locks.state import Holder, Lock


def withdraw(command: WithdrawLock, who: Requester, lock: Lock, context: Context) -> Decision[Event, Reply]:
    """Undo what the requester's command did: its wait, its lease or its upgrade. Nothing left is fine."""
    sequence, client, principal = command.acquire_sequence, who.client, who.principal
    for waiter in lock.waiters:
        if waiter.sequence == sequence and waiter.client == client and waiter.principal == principal:
            draft = Draft(lock, context)
            draft.add(withdrawn(waiter, "CANCELLED"))
            sweep(draft)
            return draft.decision(LockWithdrawn("WAIT_ENDED", None))
    for holder in lock.holders:
        if holder.client == client and holder.principal == principal:
            if holder.sequence == sequence:
                return _give_back(holder, Draft(lock, context))
            if holder.upgrade_sequence == sequence:
                return _undo_upgrade(holder, Draft(lock, context))
    return Decision((), LockWithdrawn("NOTHING", None))


def _give_back(holder: Holder, draft: Draft) -> Decision[Event, Reply]:
    release(draft, holder)
    sweep(draft)
    return draft.decision(LockWithdrawn("RELEASED", holder.token))


def _undo_upgrade(holder: Holder, draft: Draft) -> Decision[Event, Reply]:
    if holder.mode == EXCLUSIVE:
        draft.add(LockDowngraded(holder.token))
        sweep(draft)
    return draft.decision(LockWithdrawn("DOWNGRADED", holder.token))


def abort(command: AbortWait, lock: Lock, context: Context) -> Decision[Event, Reply]:
    """End the wait that the ticket names, if it still waits. The victim keeps what it holds, here too."""
    refused = refuse_abort(command)
    if refused is not None:
        return Decision((), refused)
    for w in lock.waiters:
        if w.ticket == command.ticket:
            draft = Draft(lock, context)
            event = LockWaitAborted(w.principal, w.client, w.handle, w.sequence, w.ticket, command.cycle)
            draft.add(event)
            sweep(draft)
            return draft.decision(WaitAborted(command.ticket, aborted=True))
    return Decision((), WaitAborted(command.ticket, aborted=False))
