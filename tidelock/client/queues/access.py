"""What the parts of one queue share within one client."""

import asyncio
from typing import Any
from weakref import WeakValueDictionary

from tidelock.client.membership import Membership
from tidelock.client.queues.commands import Queues
from tidelock.client.queues.producer import Producer
from tidelock.client.queues.routes import Routes
from tidelock.client.queues.settling import Settler


class Access:
    """One queue as one client uses it: its lanes, its routes, its consumers."""

    def __init__(self, name: str, queues: Queues, routes: Routes, producer: Producer) -> None:
        self.name = name
        self.queues = queues
        self.routes = routes
        self.producer = producer
        self.consumers: dict[Any, None] = {}
        """Those that lease something."""
        self.tasks: set[asyncio.Task[None]] = set()
        self._settlers: dict[tuple[int, str], Settler] = {}

    def settler(self, shard: int, subscription: str) -> Settler:
        """Return what settles deliveries of this shard and subscription."""
        settler = self._settlers.get((shard, subscription))
        if settler is None:
            settler = Settler(self.name, shard, subscription, self.queues)
            self._settlers[shard, subscription] = settler
        return settler


class Accesses:
    """The queues that one client uses."""

    def __init__(self, queues: Queues) -> None:
        self.queues = queues
        self.routes = Routes(queues)
        self._known: WeakValueDictionary[str, Access] = WeakValueDictionary()
        self._producers: WeakValueDictionary[str, Producer] = WeakValueDictionary()
        """A producer outlives its access while a command of its is under way, whoever awaits that no more."""

    def of(self, name: str) -> Access:
        """Return the access to a queue: one for all who use it, so that puts keep their order."""
        access = self._known.get(name)
        if access is None:
            producer = self._producers.get(name) or Producer(name, self.queues, self.routes)
            self._producers[name] = producer
            access = self._known[name] = Access(name, self.queues, self.routes, producer)
        return access

    def lose(self, member: Membership, why: str) -> None:
        """What is leased on behalf of `member` can no longer be trusted. For the client whose session ends."""
        for access in tuple(self._known.values()):
            for consumer in tuple(access.consumers):
                consumer.lose(member, why)

    def let_go(self) -> None:
        """Give back what is leased, and take back what waits. For the client that is closed."""
        for access in tuple(self._known.values()):
            for consumer in tuple(access.consumers):
                consumer.give_up()
            for task in access.tasks:
                task.cancel()
        self.queues.let_go()
