"""Locks, their holders and waiters."""

from enum import Enum
from typing import cast

import strawberry
from strawberry import Parent

from api.context import Info
from api.selected import selects
from api.types.asof import AsOf
from api.types.scalars import DateTime, Long, Position
from streams.projections.locks.reads import HolderRow, LockRow, WaiterRow


@strawberry.enum(description="How a lock is held; FREE while nobody holds it.")
class LockMode(Enum):
    """How a lock is held."""

    FREE = "FREE"
    EXCLUSIVE = "EXCLUSIVE"
    SHARED = "SHARED"


@strawberry.enum(description="How a lock may be asked for.")
class AcquireMode(Enum):
    """How a lock may be asked for."""

    EXCLUSIVE = "EXCLUSIVE"
    SHARED = "SHARED"


@strawberry.type(description="A client-made transaction; of a deadlock the youngest gives way.")
class Transaction:
    """A transaction. Comes as `reads.TransactionRow`."""

    id: str
    started_ms: DateTime = strawberry.field(name="startedAt")


@strawberry.type(description="Who holds a lock: (principal, client, handle).")
class LockHolder:
    """A holder. Comes as `reads.HolderRow`."""

    @classmethod
    def is_type_of(cls, found: object, _: object) -> bool:
        """Say whether `found` is one, in a union."""
        return isinstance(found, HolderRow | cls)

    principal: str
    client: str
    handle: str
    token: Long = strawberry.field(description="The fencing token: rises with every grant, for ever.")
    mode: AcquireMode
    ttl_ms: int
    until_lease_ms: Long = strawberry.field(
        description="When the lease ends, by the partition's lease clock."
    )
    lock_delay_ms: int
    transaction: Transaction | None
    since_ms: DateTime | None = strawberry.field(name="since", description="Since when, on these terms.")


async def lock_now(info: Info, partition: int, name: str) -> "Lock":
    """Load a lock, together with all others that are asked for."""
    loaders = info.context.loaders
    found = loaders.stored_locks if selects(info, "waiters") else loaders.locks
    return cast("Lock", await found.load((partition, name)))


async def _lock_of(root: Parent[WaiterRow], info: Info) -> "Lock":
    """Return the lock that is waited for."""
    return await lock_now(info, root.partition, root.name)


async def _waiters_of(root: Parent[LockRow], info: Info) -> list["LockWaiter"]:
    """Load the waiters, together with those of all other locks that are asked for."""
    if root.queue is not None:
        return cast("list[LockWaiter]", root.queue)
    return cast("list[LockWaiter]", await info.context.loaders.waiters.load(root))


@strawberry.type(description="Who waits for a lock, and where in the queue.")
class LockWaiter:
    """A waiter. Comes as `reads.WaiterRow`."""

    @classmethod
    def is_type_of(cls, found: object, _: object) -> bool:
        """Say whether `found` is one, in a union."""
        return isinstance(found, WaiterRow | cls)

    name: str = strawberry.field(description="Of the lock.")
    place: int = strawberry.field(description="1 is next in line.")
    ticket: Long
    principal: str
    client: str
    handle: str
    mode: AcquireMode
    priority: int
    ttl_ms: int
    wait_until_lease_ms: Long = strawberry.field(
        description="When the wait ends, by the partition's lease clock."
    )
    upgrade_of: Long | None = strawberry.field(description="The token of the share that is to be upgraded.")
    transaction: Transaction | None
    since_ms: DateTime = strawberry.field(name="since")
    position: Position = strawberry.field(description="The commit that it queued in.")

    lock: "Lock" = strawberry.field(
        resolver=_lock_of, description="The lock that it waits for, as it is now."
    )


@strawberry.type(
    description="A lock. One that nobody holds or waits for is FREE, whether or not it ever existed."
)
class Lock:
    """A lock. Comes as `reads.LockRow`."""

    name: str
    partition: int
    mode: LockMode
    holder_count: int
    waiter_count: int
    holders: list[LockHolder] = strawberry.field(description="The first 100, oldest first.")
    token: Long | None = strawberry.field(description="The greatest fencing token among the holders.")
    delay_until_lease_ms: Long | None = strawberry.field(
        description="Until when nobody is granted it after a lease expired, by the partition's lease clock."
    )
    since_ms: DateTime | None = strawberry.field(name="since", description="When it stopped being free.")
    changed_ms: DateTime | None = strawberry.field(name="changedAt")
    position: Position | None = strawberry.field(description="The commit that changed it last.")
    as_of: AsOf

    waiters: list[LockWaiter] = strawberry.field(
        resolver=_waiters_of,
        description="The first 100, next in line first; without those whose wait ended after `asOf`.",
    )
