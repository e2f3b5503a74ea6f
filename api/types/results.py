"""What a mutation came to. Expected refusals are data."""

from typing import Annotated, TypeAlias

import strawberry

from api.types.locks import AcquireMode
from api.types.scalars import DateTime, Long, Position


@strawberry.input(description="A client-made transaction; of a deadlock the youngest gives way.")
class TransactionInput:
    """A transaction."""

    id: str
    started_ms: DateTime = strawberry.field(name="startedAt")


@strawberry.type
class Detail:
    """More about a refusal."""

    name: str
    value: str


@strawberry.type(description="Why it was not done. Nothing was changed.")
class Refusal:
    """An expected answer."""

    code: str = strawberry.field(
        description="Stable: LOCK_BUSY, WAIT_TIMED_OUT, DEADLOCK_VICTIM, NOT_HELD, QUEUE_FULL, RECEIPT_INVALID, "
        "VERSION_CONFLICT, ..."
    )
    message: str = strawberry.field(description="What happened, to what, and the cure.")
    retry_after_ms: int | None
    details: list[Detail]
    position: Position | None = strawberry.field(description="The commit that refused it, if one did.")


@strawberry.type(description="The session holds the lock.")
class AcquiredLock:
    """A lease."""

    name: str
    handle: str = strawberry.field(description="To be given, with the token, to renew and to release.")
    token: Long = strawberry.field(description="The fencing token: show it where the resource is.")
    mode: AcquireMode
    expires_in_ms: int = strawberry.field(
        description="For so long from now nobody else can hold it. Subtract the way of the answer."
    )
    position: Position | None = strawberry.field(description="For `notBefore`: to read your own write.")


@strawberry.type(description="The session holds all the locks.")
class AcquiredLocks:
    """Several leases."""

    locks: list[AcquiredLock]


@strawberry.type(description="The lease goes on.")
class RenewedLock:
    """A longer lease."""

    name: str
    token: Long
    expires_in_ms: int = strawberry.field(description="For so long from now nobody else can hold it.")
    position: Position | None


@strawberry.type(description="The session holds the lock no longer.")
class ReleasedLock:
    """The end of a lease."""

    name: str
    token: Long
    position: Position | None


AcquireResult: TypeAlias = Annotated[AcquiredLock | Refusal, strawberry.union("AcquireResult")]
AcquireAllResult: TypeAlias = Annotated[AcquiredLocks | Refusal, strawberry.union("AcquireAllResult")]
RenewResult: TypeAlias = Annotated[RenewedLock | Refusal, strawberry.union("RenewResult")]
ReleaseResult: TypeAlias = Annotated[ReleasedLock | Refusal, strawberry.union("ReleaseResult")]
