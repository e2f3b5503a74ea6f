"""The schema, in one place. `python -m api.schema > api/schema.graphql` writes it down."""

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types.execution import ExecutionContext

from api.documents import CheckedDocuments, Documents
from api.mutations import locks as lock_mutations
from api.plain import PlainExecutor
from api.present import present
from api.queries import locks as lock_queries
from api.queries import partitions as partition_queries
from api.queries import records as record_queries
from api.subscriptions.schema import Subscription
from api.subscriptions.types import EVENTS
from api.types.locks import Lock
from api.types.pages import (
    AuditConnection,
    DeadlockConnection,
    LockConnection,
    LockSpellConnection,
    WaitConnection,
)
from api.types.records import PartitionProgress
from api.types.results import AcquireAllResult, AcquireResult, ReleaseResult, RenewResult
from api.types.scalars import SCALARS


@strawberry.type
class Query:
    """What can be asked. Every answer says of when it is."""

    lock: Lock = strawberry.field(
        resolver=lock_queries.lock, description="One lock; of `at`, if that is given."
    )
    locks: LockConnection = strawberry.field(
        resolver=lock_queries.locks, description="Locks that are not free, by name; at most 100 a page."
    )
    waits_for: WaitConnection = strawberry.field(
        resolver=record_queries.waits_for,
        description="The live wait-for graph: who waits for whom, lock by lock.",
    )
    deadlocks: DeadlockConnection = strawberry.field(
        resolver=record_queries.deadlocks, description="Deadlocks that were broken, newest first."
    )
    lock_history: LockSpellConnection = strawberry.field(
        resolver=record_queries.lock_history, description="Who held and who waited, newest first."
    )
    audit: AuditConnection = strawberry.field(
        resolver=record_queries.audit, description="Who asked for what, and what became of it, newest first."
    )
    partitions: list[PartitionProgress] = strawberry.field(
        resolver=partition_queries.partitions, description="How far the read models are, and how far behind."
    )


@strawberry.type
class Mutation:
    """What can be done. A session is an id that you make: what it holds, any node can renew and release."""

    acquire_lock: AcquireResult = strawberry.mutation(
        resolver=lock_mutations.acquire_lock, description="Hold a lock."
    )
    acquire_all: AcquireAllResult = strawberry.mutation(
        resolver=lock_mutations.acquire_all,
        description="Hold several locks, or none: one by one in the order of their names. On failure, what `handle` "
        "holds of them is released; without one it is new.",
    )
    renew_lock: RenewResult = strawberry.mutation(
        resolver=lock_mutations.renew_lock,
        description="Let a lease run `ttlMs` from now; never shorter than it did.",
    )
    release_lock: ReleaseResult = strawberry.mutation(
        resolver=lock_mutations.release_lock, description="Give a lock back."
    )


class Schema(strawberry.Schema):
    """The schema, with one way to treat errors on every transport."""

    documents: Documents

    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,  # noqa: ARG002 - Strawberry gives it
    ) -> None:
        """Let callers see errors as they may."""
        errors[:] = map(present, errors)


def build(*, introspection: bool = False) -> Schema:
    """Return the schema; `introspection`: for development."""
    checked = _LateDocuments()
    schema = Schema(
        Query,
        Mutation,
        Subscription,
        types=EVENTS,
        extensions=[checked.extension],
        execution_context_class=PlainExecutor,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    schema.documents = checked.documents = Documents(schema._schema, introspection=introspection)
    return schema


class _LateDocuments:
    """The documents of a schema, which are there once it is."""

    documents: Documents

    def extension(self) -> CheckedDocuments:
        """Return what takes documents from here."""
        return CheckedDocuments(self.documents)


if __name__ == "__main__":
    print(build())
