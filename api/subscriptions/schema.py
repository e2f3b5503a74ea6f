"""The schema's `Subscription`. Resolvers only say what is asked for; `live` does it."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from api.context import Info
from api.subscriptions.cache_types import CacheInvalidation, InvalidationKind
from api.subscriptions.node_types import NodeEvent, NodeEventKind, ServiceInstancesUpdate
from api.subscriptions.queue_types import QueueDepthUpdate, QueueEvent, QueueEventKind
from api.subscriptions.types import DeadlockBroken, LockEvent, LockUpdate

After = Annotated[
    str | None, strawberry.argument(description="The cursor of the last item that you had; go on behind it.")
]


async def lock(info: Info, name: str, after: After = None) -> AsyncGenerator[LockUpdate]:
    """Watch one lock."""
    return info.context.stream("lock")(info.context.tenant, name, after)


async def lock_events(
    info: Info, name: str | None = None, prefix: str | None = None, after: After = None
) -> AsyncGenerator[LockEvent]:
    """Watch events."""
    return info.context.stream("lock_events")(info.context.tenant, name, prefix, after)


async def deadlocks(info: Info, after: After = None) -> AsyncGenerator[DeadlockBroken]:
    """Watch deadlocks."""
    return info.context.stream("deadlocks")(info.context.tenant, after)


async def queue_events(
    info: Info,
    queue: str | None = None,
    prefix: str | None = None,
    only: list[QueueEventKind] | None = None,
    after: After = None,
) -> AsyncGenerator[QueueEvent]:
    """Watch queues."""
    return info.context.stream("queue_events")(info.context.tenant, queue, prefix, only, after)


async def queue_depth(info: Info, queue: str, after: After = None) -> AsyncGenerator[QueueDepthUpdate]:
    """Watch a queue's numbers."""
    return info.context.stream("queue_depth")(info.context.tenant, queue, after)


async def invalidations(
    info: Info,
    cache: str,
    entry: str | None = None,
    only: list[InvalidationKind] | None = None,
    after: After = None,
) -> AsyncGenerator[CacheInvalidation]:
    """Watch a cache."""
    return info.context.stream("invalidations")(info.context.tenant, cache, entry, only, after)


async def node_events(
    info: Info,
    name: str | None = None,
    prefix: str | None = None,
    only: list[NodeEventKind] | None = None,
    heartbeats: bool = False,
    after: After = None,
) -> AsyncGenerator[NodeEvent]:
    """Watch nodes."""
    stream = info.context.stream("node_events")
    return stream(info.context.tenant, name, prefix, only, heartbeats, after)


async def service_instances(
    info: Info, service: str, after: After = None
) -> AsyncGenerator[ServiceInstancesUpdate]:
    """Watch a service."""
    return info.context.stream("service_instances")(info.context.tenant, service, after)


@strawberry.type
class Subscription:
    """What can be watched. Each item has a `cursor`; an error that ends a stream has one in its extensions."""

    lock: AsyncGenerator[LockUpdate] = strawberry.subscription(
        resolver=lock,
        description="A lock as it stands, then after each decision that changed it; with `after`, the changes alone.",
    )
    lock_events: AsyncGenerator[LockEvent] = strawberry.subscription(
        resolver=lock_events,
        description="What happens to one lock, or to all whose names start with `prefix`.",
    )
    deadlocks: AsyncGenerator[DeadlockBroken] = strawberry.subscription(
        resolver=deadlocks, description="Deadlocks, as they are broken."
    )
    queue_events: AsyncGenerator[QueueEvent] = strawberry.subscription(
        resolver=queue_events,
        description="What happens to one queue, or to all whose names start with `prefix`; `only` these kinds, such "
        "as DELIVERED.",
    )
    queue_depth: AsyncGenerator[QueueDepthUpdate] = strawberry.subscription(
        resolver=queue_depth,
        description="A queue in numbers, as the read model has it: now, then whenever they changed, at most four times "
        "a second. With `after`: if they changed since.",
    )
    invalidations: AsyncGenerator[CacheInvalidation] = strawberry.subscription(
        resolver=invalidations,
        description="What ends or replaces values of a cache and lines of its clients, or of one `entry`; `only` these "
        "kinds, such as CALLED.",
    )
    node_events: AsyncGenerator[NodeEvent] = strawberry.subscription(
        resolver=node_events,
        description="What happens to one node, or to all whose names start with `prefix`: an empty one means all, and "
        "the brake. `only` these kinds, such as DIED; with `heartbeats`, HEARD too, which alone tells that a suspicion "
        "is over.",
    )
    service_instances: AsyncGenerator[ServiceInstancesUpdate] = strawberry.subscription(
        resolver=service_instances,
        description="A service's instances as they stand, then after each decision that changed them; with `after`, "
        "the changes alone.",
    )
