"""Over which shards queues spread, as far as this client knows. Workers correct it: `STALE_ROUTE` tells the route."""

import asyncio
from itertools import count

from streams.domain.decider import Rejected
from streams.domain.queues.commands import NewMessage
from streams.domain.queues.settings import QueueRoute
from streams.wire import shards
from tidelock.client.queues.commands import Queues

MAX_ROUTES = 4_096
FRESH_S = 30.0
"""For how long a receive trusts a route: nobody tells it of shards that it does not know."""


class Routes:
    """The routes of the queues that one client uses."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self._known: dict[str, QueueRoute] = {}
        self._heard_s: dict[str, float] = {}
        """When, by the local clock."""
        self._asking: dict[str, asyncio.Task[QueueRoute]] = {}
        self._turns = count()

    def known(self, queue: str) -> QueueRoute | None:
        """Return the route if it was heard of."""
        return self._known.get(queue)

    async def ask(self, queue: str) -> QueueRoute:
        """Return the route, from the queue's home. Of several callers one asks. Raises `QueueUnknown`."""
        asking = self._asking.get(queue)
        if asking is None:
            asking = asyncio.get_running_loop().create_task(self._ask(queue), name="tidelock-route")
            self._asking[queue] = asking
            asking.add_done_callback(lambda done: self._asked(queue, done))
        return await asyncio.shield(asking)

    def _asked(self, queue: str, done: asyncio.Task[QueueRoute]) -> None:
        self._asking.pop(queue, None)
        if not done.cancelled():
            done.exception()  # whoever asked may be gone: then nobody else looks at it

    async def fresh(self, queue: str) -> QueueRoute:
        """Return the route; ask for it if it was not heard of for a while. Raises `QueueUnknown`."""
        known = self._known.get(queue)
        if known is None or self._queues.clock.now() >= self._heard_s[queue] + FRESH_S:
            return await self.ask(queue)
        return known

    async def renewed(self, queue: str) -> QueueRoute:
        """Return the route, asked for because the known one proved wrong. Raises `QueueUnknown`."""
        self.forget(queue)
        return await self.ask(queue)

    async def _ask(self, queue: str) -> QueueRoute:
        try:
            stats = await self._queues.inspect(queue)
        except BaseException:
            self.forget(queue)
            raise
        self.learn(queue, stats.route)
        return self._known[queue]

    def learn(self, queue: str, route: QueueRoute) -> None:
        """Believe this route: it comes from a worker."""
        if len(self._known) >= MAX_ROUTES:
            self._known.clear()
            self._heard_s.clear()
        self._known[queue] = route
        self._heard_s[queue] = self._queues.clock.now()

    def forget(self, queue: str) -> None:
        """Ask again before the next put or receive."""
        self._known.pop(queue, None)
        self._heard_s.pop(queue, None)

    def turn(self) -> int:
        """Return a number that rises: whose turn it is where every shard is as good."""
        return next(self._turns)


def told_route(rejected: Rejected) -> QueueRoute | None:
    """Return the route that a `STALE_ROUTE` tells, or None."""
    told = dict(rejected.details)
    try:
        return QueueRoute(int(told["epoch"]), int(told["shards"]), int(told["previous"]))
    except (KeyError, ValueError):
        return None


def shards_of(message: NewMessage, route: QueueRoute, turn: int) -> tuple[int, int]:
    """Return (the shard to ask first, home). They differ while the message's group may still live in the old one."""
    key = message.routing_key
    if key is None:
        shard = turn % route.shards
        return shard, shard
    return shards.shards_of(key, route.shards, route.previous)
