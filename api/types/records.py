"""What the read models remember: spells, deadlocks, decisions; and who waits for whom, and how far all is known."""

from enum import Enum
from typing import Annotated, TypeAlias

import strawberry
from strawberry import Parent

from api.context import Info
from api.services import LOCKS
from api.subscriptions.types import CycleEdge
from api.types.locks import AcquireMode, Lock, LockHolder, LockWaiter, Transaction, lock_now
from api.types.scalars import DateTime, Long, Position
from streams.projections.locks.reads import DeadlockRow, SpellRow
from streams.projections.reads import AuditRow


@strawberry.enum
class SpellRole(Enum):
    """Whether somebody held or waited."""

    HOLDER = "HOLDER"
    WAITER = "WAITER"


@strawberry.enum
class SpellEnd(Enum):
    """How a spell ended."""

    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    RENEWED = "RENEWED"
    UPGRADED = "UPGRADED"
    DOWNGRADED = "DOWNGRADED"
    GRANTED = "GRANTED"
    TIMED_OUT = "TIMED_OUT"
    WITHDRAWN = "WITHDRAWN"
    ABORTED = "ABORTED"


async def _lock_of(root: Parent[SpellRow | DeadlockRow], info: Info) -> Lock:
    """Return the lock."""
    return await lock_now(info, root.partition, root.name)


async def _lock_asked(root: Parent[AuditRow], info: Info) -> Lock | None:
    """Return the lock that a decision is about."""
    return await lock_now(info, root.partition, root.name) if root.kind == LOCKS else None


LOCK_NOW = "The lock, as it is now."


@strawberry.type(
    description="One stretch in which somebody held, or waited for, a lock on unchanged terms. "
    "A renewed lease is two spells under one token."
)
class LockSpell:
    """A spell. Comes as `reads.SpellRow`."""

    name: str = strawberry.field(description="Of the lock.")
    role: SpellRole
    principal: str
    client: str
    handle: str
    sequence: Long = strawberry.field(description="Of the command that asked for it.")
    token: Long = strawberry.field(description="The fencing token; of a waiter its ticket.")
    mode: AcquireMode
    priority: int | None = strawberry.field(description="Of a waiter.")
    ttl_ms: int | None
    until_lease_ms: Long | None = strawberry.field(
        description="When it would have ended by itself, by the partition's lease clock."
    )
    upgrade_of: Long | None
    lock_delay_ms: int | None
    transaction: Transaction | None
    session: str = strawberry.field(description="Of the node that it acted for; empty: of none.")
    from_ms: DateTime = strawberry.field(name="from")
    from_position: Position
    to_ms: DateTime | None = strawberry.field(name="to", description="Null while it lasts.")
    to_position: Position | None
    ended: SpellEnd | None
    lock: Lock = strawberry.field(resolver=_lock_of, description=LOCK_NOW)


@strawberry.type(description="A deadlock that was broken, with its victim: the youngest transaction.")
class Deadlock:
    """A deadlock. Comes as `reads.DeadlockRow`."""

    at_ms: DateTime = strawberry.field(name="at")
    position: Position
    name: str = strawberry.field(description="Of the lock that the victim waited for.")
    transaction_id: str | None = strawberry.field(description="The victim.")
    ticket: Long
    principal: str
    client: str
    handle: str
    sequence: Long
    cycle: list[CycleEdge] = strawberry.field(description="The whole cycle, in order.")
    lock: Lock = strawberry.field(
        resolver=_lock_of, description="The lock that the victim waited for, as it is now."
    )


@strawberry.type(description="One decision: who asked for what, when, and what became of it.")
class AuditEntry:
    """A decision. Comes as `reads.AuditRow`."""

    at_ms: DateTime = strawberry.field(name="at")
    position: Position
    index: int = strawberry.field(description="Its place in its commit, from 0.")
    kind: str
    name: str = strawberry.field(description="Of what was decided on; of queues and caches, a shard's.")
    command: str = strawberry.field(description="AcquireLock, EnqueueMessages, ...; of timers Tick.")
    principal: str = strawberry.field(description="Empty where nobody asked: timers.")
    client: str
    handle: str
    sequence: Long
    lane: str
    accepted: bool
    outcome: str = strawberry.field(description="The answer's name, or the refusal's code.")
    reason: str | None = strawberry.field(description="The refusal in words.")
    event_names: list[str] = strawberry.field(name="events", description="What it caused.")
    lease_ms: Long
    lock: Lock | None = strawberry.field(
        resolver=_lock_asked, description="The lock, as it is now; null of other kinds."
    )


Blocker: TypeAlias = Annotated[LockHolder | LockWaiter, strawberry.union("Blocker")]


@strawberry.type(
    description="A waiter and whom it waits for: holders, and earlier waiters that it cannot share the lock with. "
    "The first 100."
)
class Wait:
    """Edges of the wait-for graph. Comes as `reads.WaitRow`."""

    waiter: LockWaiter
    blockers: list[Blocker]


@strawberry.type(description="How far one projection of one partition is.")
class PartitionProgress:
    """How far a projection is."""

    kind: str
    partition: int
    projection: str
    kept: str = strawberry.field(
        description="`rows`: in PostgreSQL. `table`: in a table, told as far as its hot copy is; not told without one."
    )
    position: Position = strawberry.field(description="The last record that it knows.")
    head: str = strawberry.field(
        description="Hash of the log's chain there, in hex; empty of those in tables."
    )
    time_ms: DateTime = strawberry.field(name="time", description="Event time of that record.")
    end: Long | None = strawberry.field(description="The offset that the log's next record will have.")
    lag: Long | None = strawberry.field(description="Records that it does not know yet.")
