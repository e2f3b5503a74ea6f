"""The schema's `Subscription`. Resolvers only say what is asked for; `live` does it."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from api.context import Info
from api.subscriptions.types import DeadlockBroken, LockEvent, LockUpdate

After = Annotated[
    str | None, strawberry.argument(description="The cursor of the last item that you had; go on behind it.")
]


async def lock(info: Info, name: str, after: After = None) -> AsyncGenerator[LockUpdate]:
    """Watch one lock."""
    return info.context.live.lock(info.context.tenant, name, after)


async def lock_events(
    info: Info, name: str | None = None, prefix: str | None = None, after: After = None
) -> AsyncGenerator[LockEvent]:
    """Watch events."""
    return info.context.live.lock_events(info.context.tenant, name, prefix, after)


async def deadlocks(info: Info, after: After = None) -> AsyncGenerator[DeadlockBroken]:
    """Watch deadlocks."""
    return info.context.live.deadlocks(info.context.tenant, after)


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
