"""From what the log holds to what subscribers are sent."""

from collections.abc import Callable
from typing import Any, Final, cast

from api.subscriptions.change import Change
from api.subscriptions.types import (
    CycleEdge,
    DeadlockBroken,
    LockDelayEndedEvent,
    LockDowngradedEvent,
    LockEvent,
    LockExpiredEvent,
    LockGrantedEvent,
    LockReleasedEvent,
    LockRenewedEvent,
    LockState,
    LockUpdate,
    LockUpgradedEvent,
    LockWaitAbortedEvent,
    LockWaitStartedEvent,
    LockWaitTimedOutEvent,
    LockWaitWithdrawnEvent,
    Party,
)
from api.types.locks import AcquireMode
from api.types.scalars import DateTime, Long, Position
from streams.domain.locks import events as of
from streams.log.positions import PartitionId
from streams.log.positions import Position as LogPosition
from streams.projections.locks.reads import SHOWN, HolderRow, TransactionRow, WaiterRow
from streams.projections.locks.stood import Stood, StoodAt

NEVER: Final = (-1, 0)
Convert = Callable[[Any, dict[str, Any]], LockEvent]


def event_item(change: Change, place: int, cursor: str) -> LockEvent | None:
    """Return event number `place` of `change` as it is sent; None for what is no lock's business."""
    event = change.events[place]
    convert = _CONVERT.get(type(event))
    if convert is None:
        return None
    decision = change.decision
    asked = _party(decision)
    common = {
        "cursor": cursor,
        "name": change.name,
        "position": change.position,
        "index": change.first + place,
        "number": change.number + place,
        "time_ms": change.time_ms,
        "lease_ms": change.lease_ms,
        "command": decision.command,
        "by": asked if decision.lane in {"DIRECT", "TOPIC"} else None,
        "why": why(event, decision.command),
    }
    return convert(event, common)


def update_item(change: Change, stood: Stood, cursor: str) -> LockUpdate:
    """Return the lock after `change`."""
    shown = [event_item(change, place, cursor) for place in range(len(change.events))]
    events = [event for event in shown if event is not None]
    return LockUpdate(
        cursor=cursor,
        name=change.name,
        position=Position(change.position),
        time_ms=DateTime(change.time_ms),
        state=state(change.where, change.name, stood),
        events=events,
    )


def first_item(where: PartitionId, name: str, at: StoodAt, cursor: str) -> LockUpdate:
    """Return the lock as the read model has it."""
    position = Position(LogPosition(where, at.next_offset - 1))
    return LockUpdate(
        cursor=cursor,
        name=name,
        position=position,
        time_ms=DateTime(at.time_ms),
        state=state(where, name, at.stood),
        events=[],
    )


def deadlock_item(change: Change, event: of.LockWaitAborted, cursor: str) -> DeadlockBroken:
    """Return the deadlock that `event` broke."""
    return DeadlockBroken(
        cursor=cursor,
        name=change.name,
        position=Position(change.position),
        time_ms=DateTime(change.time_ms),
        victim=_party(event),
        ticket=Long(event.ticket),
        cycle=cast("list[CycleEdge]", event.cycle),
    )


def state(where: PartitionId, name: str, stood: Stood) -> LockState:
    """Return a lock as it is sent."""
    lock = stood.lock
    holders, waiters = lock.holders, lock.waiters
    return LockState(
        mode=holders[0].mode if holders else "FREE",  # type: ignore[arg-type]  # enums go out by their values
        holder_count=len(holders),
        waiter_count=len(waiters),
        token=Long(holders[-1].token) if holders else None,
        delay_until_lease_ms=Long(lock.delay_until) if lock.delay_until else None,
        holders=[_holder(one, stood) for one in holders[:SHOWN]],  # type: ignore[misc]  # the type only names it
        waiters=[_waiter(where, name, one, place, stood) for place, one in enumerate(waiters[:SHOWN], 1)],  # type: ignore[misc]
    )


def why(event: object, command: str) -> str:
    """Return in words what made `event` happen."""
    match event:
        case of.LockGranted(ticket=None):
            return "It was asked for, and nothing stood in the way."
        case of.LockGranted() | of.LockUpgraded(ticket=int()):
            return "It waited and was next in line when the lock came free for it."
        case of.LockReleased() | of.LockWaitWithdrawn() if command == "EndSession":
            return "The session that it belonged to was ended."
        case of.LockReleased() if command == "WithdrawLock":
            return "Its client gave up the command that had got it."
        case of.LockWaitWithdrawn(cause=cause):
            return _WITHDRAWN[cause]
        case of.LockDowngraded() if command == "WithdrawLock":
            return "Its client gave up the upgrade that had made it exclusive."
        case _:
            return _WHY[type(event)]


_WHY: Final[dict[type, str]] = {
    of.LockWaitStarted: "Others hold the lock or wait ahead.",
    of.LockRenewed: "Its holder asked for more time.",
    of.LockReleased: "Its holder gave it back.",
    of.LockExpired: "Its lease ran out and had not been renewed, or its session ended.",
    of.LockDelayEnded: "The lock-delay after an expired lease was over.",
    of.LockUpgraded: "It was asked for, and no other sharer was left.",
    of.LockDowngraded: "Its holder asked to share it.",
    of.LockWaitTimedOut: "The time that it would wait was over.",
    of.LockWaitAborted: "It was the youngest of a deadlock, which ends by this.",
}
_WITHDRAWN: Final[dict[str, str]] = {
    "CANCELLED": "Its client gave up waiting.",
    "SESSION_ENDED": "The session of its node ended.",
    "RELEASED": "The share that it was to upgrade was released.",
    "EXPIRED": "The share that it was to upgrade expired.",
}


def _party(event: Any) -> Party:
    return Party(
        principal=event.principal, client=event.client, handle=event.handle, sequence=Long(event.sequence)
    )


def _mode(event: Any) -> AcquireMode:
    return cast("AcquireMode", event.mode)


_CONVERT: Final[dict[type, Convert]] = {
    of.LockGranted: lambda e, common: LockGrantedEvent(
        **common, holder=_party(e), token=e.token, mode=_mode(e), ttl_ms=e.ttl_ms, expires_lease_ms=e.expires_at,
        wait_ticket=e.ticket,
    ),
    of.LockWaitStarted: lambda e, common: LockWaitStartedEvent(
        **common, waiter=_party(e), ticket=e.ticket, place=e.position, mode=_mode(e), priority=e.priority,
        ttl_ms=e.ttl_ms, wait_until_lease_ms=e.wait_until, upgrade_of=e.upgrade_of,
    ),
    of.LockRenewed: lambda e, common: LockRenewedEvent(**common, token=e.token, expires_lease_ms=e.expires_at),
    of.LockReleased: lambda e, common: LockReleasedEvent(**common, token=e.token),
    of.LockExpired: lambda e, common: LockExpiredEvent(
        **common, token=e.token, delay_until_lease_ms=e.delay_until, session_end=e.cause
    ),
    of.LockDelayEnded: lambda _, common: LockDelayEndedEvent(**common),
    of.LockUpgraded: lambda e, common: LockUpgradedEvent(
        **common, holder=_party(e), from_token=e.from_token, token=e.token, expires_lease_ms=e.expires_at,
        wait_ticket=e.ticket,
    ),
    of.LockDowngraded: lambda e, common: LockDowngradedEvent(**common, token=e.token),
    of.LockWaitTimedOut: lambda e, common: LockWaitTimedOutEvent(**common, waiter=_party(e), ticket=e.ticket),
    of.LockWaitWithdrawn: lambda e, common: LockWaitWithdrawnEvent(
        **common, waiter=_party(e), ticket=e.ticket, cause=e.cause
    ),
    of.LockWaitAborted: lambda e, common: LockWaitAbortedEvent(
        **common, waiter=_party(e), ticket=e.ticket, cycle=e.cycle
    ),
}  # fmt: skip


def _transaction(terms: of.LockTerms | None) -> TransactionRow | None:
    if terms is None or terms.transaction is None:
        return None
    return TransactionRow(terms.transaction.id, terms.transaction.started_ms)


def _holder(one: Any, stood: Stood) -> HolderRow:
    offset, time_ms = stood.since.get(one.token, NEVER)
    return HolderRow(
        one.principal, one.client, one.handle, one.sequence, one.token, one.mode, one.ttl_ms, one.expires_at,
        0 if one.terms is None else one.terms.lock_delay_ms, _transaction(one.terms), time_ms, offset,
    )  # fmt: skip


def _waiter(where: PartitionId, name: str, one: Any, place: int, stood: Stood) -> WaiterRow:
    offset, time_ms = stood.since.get(one.ticket, NEVER)
    return WaiterRow(
        where.partition, name, place, one.ticket, one.principal, one.client, one.handle, one.sequence, one.mode,
        one.priority, one.ttl_ms, one.wait_until, one.upgrade_of, _transaction(one.terms), offset, time_ms,
    )  # fmt: skip
