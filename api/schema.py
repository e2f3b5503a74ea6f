"""The schema, in one place. `python -m api.schema > api/schema.graphql` writes it down."""

from typing import Any

import strawberry
from graphql import ExecutionResult, OperationType, execute, get_operation_ast
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.config import StrawberryConfig

from api.context import Context
from api.documents import Documents
from api.errors import BadRequest
from api.mutations import locks as lock_mutations
from api.mutations.cache_fields import CacheMutation
from api.mutations.letter_fields import LetterMutation
from api.mutations.node_fields import NodeMutation
from api.mutations.queue_fields import QueueMutation
from api.plain import PlainExecutor, Plans
from api.queries import locks as lock_queries
from api.queries import partitions as partition_queries
from api.queries import records as record_queries
from api.queries import resources as resource_queries
from api.queries.activity import ActivityQuery
from api.queries.cache_fields import CacheQuery
from api.queries.letter_fields import LetterQuery
from api.queries.node_fields import NodeQuery
from api.queries.queue_fields import QueueQuery
from api.subscriptions.queue_types import EVENTS as QUEUE_EVENTS
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
from api.types.resources import ResourceDecisionConnection, ResourceState
from api.types.results import AcquireAllResult, AcquireResult, ReleaseResult, RenewResult
from api.types.scalars import SCALARS


@strawberry.type
class Query(NodeQuery, QueueQuery, CacheQuery, LetterQuery, ActivityQuery):
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
        resolver=record_queries.audit,
        description="Who asked for what of a kind, and what became of it, newest first.",
    )
    partitions: list[PartitionProgress] = strawberry.field(
        resolver=partition_queries.partitions, description="How far the read models are, and how far behind."
    )
    state: ResourceState = strawberry.field(
        resolver=resource_queries.state,
        description="A resource of any kind, from the log alone; of `at`, if that is given.",
    )
    events: ResourceDecisionConnection = strawberry.field(
        resolver=resource_queries.events,
        description="The decisions on a resource of any kind, from the log alone, newest first.",
    )


@strawberry.type
class Mutation(NodeMutation, QueueMutation, CacheMutation, LetterMutation):
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
    """The schema, with the documents that were asked of it, and what was worked out for them."""

    documents: Documents
    plans: Plans

    async def answer(
        self, text: str, variables: dict[str, Any] | None, operation_name: str | None, context: Context
    ) -> ExecutionResult:
        """Return the answer to a query or mutation. Raises `GraphQLError`.

        Strawberry's own `execute` would make and ask extensions, of which there are none, at every request.
        """
        document, errors = self.documents.document(text)
        if document is None:
            return ExecutionResult(None, errors)
        operation = get_operation_ast(document, operation_name)
        if operation is None:
            raise BadRequest("`operationName` names no operation of the query. Name the one to be run.")
        if operation.operation is OperationType.SUBSCRIPTION:
            raise BadRequest(
                "A subscription is no single answer. Subscribe by WebSocket, or with Accept: text/event-stream.",
                code="SUBSCRIPTION_NEEDS_STREAM",
            )
        result: Any = execute(
            self._schema,
            document,
            context_value=context,
            variable_values=variables,
            operation_name=operation_name,
            executor_class=PlainExecutor,
            is_awaitable=_is_awaitable,
            plans=self.plans.of(operation),
        )
        return await result if _is_awaitable(result) else result  # type: ignore[no-any-return]


_is_awaitable: Any = optimized_is_awaitable


def build(*, introspection: bool = False) -> Schema:
    """Return the schema; `introspection`: for development."""
    config = StrawberryConfig(scalar_map=SCALARS)
    schema = Schema(Query, Mutation, Subscription, types=EVENTS + QUEUE_EVENTS, config=config)
    schema.documents = Documents(schema._schema, introspection=introspection)
    schema.plans = Plans()
    return schema


if __name__ == "__main__":
    print(build())
