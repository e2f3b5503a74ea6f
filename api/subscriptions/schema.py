"""The schema's `Subscription`. Resolvers only say what is asked for; `live` does it."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from api.context import Info
from api.subscriptions.types import DeadlockBroken, LockEvent, LockUpdate

After = Annotated[
    str | None, strawberry.argument(description="The cursor of the last item that you had; go on behind it.")
]


@strawberry.type
class Subscription:
    """What can be watched. Each item has a `cursor`; an error that ends a stream has one in its extensions."""

    @strawberry.subscription(
        description="A lock as it stands, then after each decision that changed it; with `after`, only the changes."
    )
    async def lock(self, info: Info, name: str, after: After = None) -> AsyncGenerator[LockUpdate]:
        """Watch one lock."""
        return info.context.live.lock(info.context.identity.tenant, name, after)

    @strawberry.subscription(
        description="What happens to one lock, or to all whose names start with `prefix`."
    )
    async def lock_events(
        self, info: Info, name: str | None = None, prefix: str | None = None, after: After = None
    ) -> AsyncGenerator[LockEvent]:
        """Watch events."""
        return info.context.live.lock_events(info.context.identity.tenant, name, prefix, after)

    @strawberry.subscription(description="Deadlocks, as they are broken.")
    async def deadlocks(self, info: Info, after: After = None) -> AsyncGenerator[DeadlockBroken]:
        """Watch deadlocks."""
        return info.context.live.deadlocks(info.context.identity.tenant, after)
