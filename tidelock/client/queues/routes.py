"""Over which shards queues spread, as far as this client knows. Workers correct it: `STALE_ROUTE` tells the route."""

import asyncio
from itertools import count

from streams.domain.decider import Rejected
from streams.domain.queues.commands import NewMessage
from streams.domain.queues.settings import QueueRoute
from streams.wire import shards
from tidelock.client.queues.commands import Queues

MAX_ROUTES = 4_096


class Routes:
    """The routes of the queues that one client uses."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self._known: dict[str, QueueRoute] = {}
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

    async def of(self, queue: str) -> QueueRoute:
        """Return the route; ask for it if it was never heard of."""
        return self._known.get(queue) or await self.ask(queue)

    async def _ask(self, queue: str) -> QueueRoute:
        try:
            stats = await self._queues.inspect(queue)
        except BaseException:
            self._known.pop(queue, None)
            raise
        self.learn(queue, stats.route)
        return self._known[queue]

    def learn(self, queue: str, route: QueueRoute) -> None:
        """Believe this route: it comes from a worker."""
        if len(self._known) >= MAX_ROUTES:
            self._known.clear()
        self._known[queue] = route

    def forget(self, queue: str) -> None:
        """Ask again before the next put."""
        self._known.pop(queue, None)

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
