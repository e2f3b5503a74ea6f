"""Spreading a queue over another number of shards, while it is used.

1. New shards are made. 2. Every shard is told the new route, home first, whom everybody asks; from then on each group
stays where it is until it is drained there. 3. When all are drained, every shard is told that the old route is over;
4. shards that are not needed any more, and empty, are deleted. Whatever was done before a crash is found and continued;
until then producers tell the shards that they find behind.
"""

from collections.abc import Callable
from contextlib import suppress

from streams.domain.queues.replies import QueueStats
from streams.domain.queues.settings import QueueRoute
from streams.domain.value import value
from streams.wire.shards import MAX_SHARDS
from tidelock.client.clock import sleep_until
from tidelock.client.errors import QueueExists, QueueNotEmpty, QueueUnknown
from tidelock.client.names import check_shards
from tidelock.client.queues.access import Access
from tidelock.client.queues.shards import inspect_all

LOOK_S = 0.25


@value
class ResizeProgress:
    """How far a resize is."""

    shards: int
    """How many there will be."""
    drained: int
    """Shards in which nothing moves any more."""
    involved: int
    """Shards that must be."""
    left: int
    """Messages in shards that will go."""
    done: bool


class Resize:
    """One resize of one queue."""

    def __init__(
        self, access: Access, shards: int, wait: bool, progress: Callable[[ResizeProgress], None] | None
    ) -> None:
        check_shards(shards)
        self._access = access
        self._queues = access.queues
        self._shards = shards
        self._wait = wait
        self._progress = progress

    async def run(self) -> ResizeProgress:
        """Do it, and what was begun before."""
        while True:
            found = await self._found()
            newest = max((each.route for each in found), key=lambda route: route.epoch)
            if newest.shards == newest.previous:
                await self._end(newest, found)
                if newest.shards == self._shards:
                    return self._told(ResizeProgress(self._shards, self._shards, self._shards, 0, done=True))
                newest = QueueRoute(newest.epoch + 1, self._shards, newest.shards)
            reached = await self._drained(newest) if await self._spread(newest, found[0]) else None
            if reached is None:
                continue
            if not reached.done:
                return reached
            await self._spread(QueueRoute(newest.epoch + 1, newest.shards, newest.shards), found[0], newest)

    async def _found(self) -> list[QueueStats]:
        """Return all shards, those of a resize that was broken off among them."""
        found = list(await inspect_all(self._access))
        with suppress(QueueUnknown):
            while len(found) < MAX_SHARDS:
                found.append(await self._queues.inspect(self._access.name, len(found)))
        return found

    async def _spread(self, route: QueueRoute, home: QueueStats, before: QueueRoute | None = None) -> bool:
        """Make the shards that are missing, then tell all of the route (and of the one before), home first.

        Return whether home goes by it; if somebody else's came before, nothing is done.
        """
        involved = max(route.shards, route.previous, before.previous if before else 0)
        behind = []
        for shard in range(involved):
            try:
                there = await self._queues.inspect(self._access.name, shard)
            except QueueUnknown:
                await self._make(shard, route, home)
            else:
                if shard == 0 and there.route.epoch >= route.epoch and there.route != route:
                    return False
                behind += [shard] if there.route.epoch < route.epoch else []
        for shard in behind:
            await self._queues.route(self._access.name, route, shard)
        self._access.routes.learn(self._access.name, route)
        return True

    async def _make(self, shard: int, route: QueueRoute, home: QueueStats) -> None:
        with suppress(QueueExists):  # somebody else resizes, too
            await self._queues.create(self._access.name, home.settings, route, shard)
        if home.settings.broadcast:
            for each in home.subscriptions:
                await self._queues.add_subscription(self._access.name, each.subscription, shard)

    async def _drained(self, route: QueueRoute) -> ResizeProgress | None:
        """Return once nothing moves any more, and what goes is empty. Without `wait`, look once.

        None: somebody else went on, home has another route.
        """
        involved, clock = max(route.shards, route.previous), self._queues.clock
        while True:
            stats = [await self._queues.inspect(self._access.name, shard) for shard in range(involved)]
            if stats[0].route != route:
                return None
            left = sum(each.messages for each in stats[route.shards :])
            drained = sum(each.drained and _goes_by(route, shard, each) for shard, each in enumerate(stats))
            reached = self._told(
                ResizeProgress(route.shards, drained, involved, left, drained == involved and not left)
            )
            if reached.done or not self._wait:
                return reached
            await sleep_until(clock, clock.now() + LOOK_S)

    async def _end(self, route: QueueRoute, found: list[QueueStats]) -> None:
        """Tell the last ones that the old route is over, and delete the shards that are not needed any more."""
        for shard in range(len(found)):
            if found[shard].route.epoch < route.epoch:
                await self._queues.route(self._access.name, route, shard)
        for shard in reversed(range(route.shards, len(found))):
            with suppress(QueueNotEmpty):
                await self._queues.delete(self._access.name, shard=shard)

    def _told(self, reached: ResizeProgress) -> ResizeProgress:
        if self._progress is not None:
            self._progress(reached)
        return reached


def _goes_by(route: QueueRoute, shard: int, there: QueueStats) -> bool:
    """Say whether a shard knows the change. One that was made for another, which lost, follows home at the end."""
    made_for_another = shard >= route.previous and there.route.epoch == route.epoch
    return there.route == route or made_for_another
