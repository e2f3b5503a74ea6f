"""The types of live items. Each has the cursor that goes on behind it; one object serves all who are sent it.

`sent` is its JSON by selection (`plan`).
"""

from dataclasses import field
from typing import Any

import strawberry

from api.types.locks import AcquireMode, LockHolder, LockMode, Transaction
from api.types.scalars import DateTime, Long, Position


@strawberry.type(description="Somebody who holds, waits or asks.")
class Party:
    """Who: (principal, client, handle), and which of its commands."""

    principal: str
    client: str
    handle: str
    sequence: Long


@strawberry.interface(
    description="Something that happened to a lock: what, to which, when, by whom, why, and where."
)
class LockEvent:
    """One event of a lock."""

    cursor: str = strawberry.field(description="Goes on behind this event: give it as `after`.")
    name: str = strawberry.field(description="Of the lock.")
    position: Position = strawberry.field(description="The commit that it is in.")
    index: int = strawberry.field(description="Its place among the events of its commit, from 0.")
    number: Long = strawberry.field(description="Its number among the events of its partition.")
    time_ms: DateTime = strawberry.field(name="time")
    lease_ms: Long = strawberry.field(description="The partition's lease clock.")
    command: str = strawberry.field(description="What was asked: AcquireLock; Tick when time alone did it.")
    by: Party | None = strawberry.field(description="Who asked; null when time alone did it.")
    why: str = strawberry.field(description="In words.")
    sent: strawberry.Private[dict[Any, str]] = field(default_factory=dict)


@strawberry.type
class LockGrantedEvent(LockEvent):
    """A lease began."""

    holder: Party
    token: Long
    mode: AcquireMode
    ttl_ms: int
    expires_lease_ms: Long
    wait_ticket: Long | None = strawberry.field(description="Of the wait that it ends.")


@strawberry.type
class LockWaitStartedEvent(LockEvent):
    """Somebody queues."""

    waiter: Party
    ticket: Long
    place: int = strawberry.field(description="1 is next in line.")
    mode: AcquireMode
    priority: int
    ttl_ms: int
    wait_until_lease_ms: Long
    upgrade_of: Long | None


@strawberry.type
class LockRenewedEvent(LockEvent):
    """A lease got longer."""

    token: Long
    expires_lease_ms: Long


@strawberry.type
class LockReleasedEvent(LockEvent):
    """A hold was given back."""

    token: Long


@strawberry.type
class LockExpiredEvent(LockEvent):
    """A lease ran out, or ended before its time with its session."""

    token: Long
    delay_until_lease_ms: Long | None
    session_end: str = strawberry.field(description="Why its session ended; empty: the lease ran out.")


@strawberry.type
class LockDelayEndedEvent(LockEvent):
    """A lock-delay is over, and nobody waits."""


@strawberry.type
class LockUpgradedEvent(LockEvent):
    """The only sharer left became exclusive."""

    holder: Party
    from_token: Long
    token: Long
    expires_lease_ms: Long
    wait_ticket: Long | None = strawberry.field(description="Of the wait that it ends.")


@strawberry.type
class LockDowngradedEvent(LockEvent):
    """The exclusive holder became a sharer."""

    token: Long


@strawberry.type
class LockWaitTimedOutEvent(LockEvent):
    """A wait ended: its time was over."""

    waiter: Party
    ticket: Long


@strawberry.type
class LockWaitWithdrawnEvent(LockEvent):
    """A wait ended: it was given up."""

    waiter: Party
    ticket: Long
    cause: str


@strawberry.type(description="One edge of a cycle: a transaction waits on a lock behind its blocker.")
class CycleEdge:
    """One edge. Comes as `WaitEdge`."""

    transaction: str
    lock: str
    ticket: Long
    blocker: str
    blocker_token: Long


@strawberry.type
class LockWaitAbortedEvent(LockEvent):
    """A wait ended: it was the victim that breaks a deadlock."""

    waiter: Party
    ticket: Long
    cycle: list[CycleEdge] = strawberry.field(description="The whole of it, in order.")


@strawberry.type(description="Somebody in the queue.")
class LiveWaiter:
    """A waiter, as the log has it. Comes as `reads.WaiterRow`."""

    place: int
    ticket: Long
    principal: str
    client: str
    handle: str
    mode: AcquireMode
    priority: int
    ttl_ms: int
    wait_until_lease_ms: Long
    upgrade_of: Long | None
    transaction: Transaction | None
    since_ms: DateTime = strawberry.field(name="since")
    position: Position = strawberry.field(description="The commit that it queued in.")


@strawberry.type(description="A lock right after a change, before any read model has it.")
class LockState:
    """A lock as it stands. Comes as `state.LiveLock`."""

    mode: LockMode
    holder_count: int
    waiter_count: int
    token: Long | None = strawberry.field(description="The greatest fencing token among the holders.")
    delay_until_lease_ms: Long | None
    holders: list[LockHolder] = strawberry.field(description="The first 100, oldest first.")
    waiters: list[LiveWaiter] = strawberry.field(description="The first 100, next in line first.")


@strawberry.type(description="A lock as it stands: first now, then after each decision that changed it.")
class LockUpdate:
    """One item of `lock`."""

    cursor: str = strawberry.field(description="Goes on behind this item: give it as `after`.")
    name: str
    position: Position = strawberry.field(
        description="The last commit that is in; of the first item, that of the read model."
    )
    time_ms: DateTime = strawberry.field(name="time")
    state: LockState
    events: list[LockEvent] = strawberry.field(description="What led here; none in the first item.")
    sent: strawberry.Private[dict[Any, str]] = field(default_factory=dict)


@strawberry.type(description="A deadlock that was broken: one transaction gave way.")
class DeadlockBroken:
    """One item of `deadlocks`."""

    cursor: str = strawberry.field(description="Goes on behind this item: give it as `after`.")
    name: str = strawberry.field(description="Of the lock that the victim waited for.")
    position: Position
    time_ms: DateTime = strawberry.field(name="time")
    victim: Party
    ticket: Long
    cycle: list[CycleEdge]
    sent: strawberry.Private[dict[Any, str]] = field(default_factory=dict)


EVENTS = (
    LockGrantedEvent, LockWaitStartedEvent, LockRenewedEvent, LockReleasedEvent, LockExpiredEvent,
    LockDelayEndedEvent, LockUpgradedEvent, LockDowngradedEvent, LockWaitTimedOutEvent, LockWaitWithdrawnEvent,
    LockWaitAbortedEvent,
)  # fmt: skip
"""For the schema: nothing else names them."""
