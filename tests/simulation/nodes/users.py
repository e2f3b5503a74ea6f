"""Machines that are nodes, by the real client library: they work with all kinds, offer services and watch them."""

import asyncio
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.users import Machine, User
from tidelock.client.errors import TidelockError
from tidelock.client.nodes.events import NodeEvent
from tidelock.client.nodes.node import Node
from tidelock.client.nodes.offer import Offer

if TYPE_CHECKING:
    from tests.simulation.nodes.cast import Cast
    from tests.simulation.partition import Partition


SERVICES = ("a", "b")
MAX_S = 1_000.0
"""Longer than any history."""


def draw_node(random: Random, name: str, timeout_s: float = 0.0) -> Node:
    """Return what a program says of the node that it is. `timeout_s`: 0: any."""
    return Node(
        name,
        address=f"{name}:1",
        timeout=timeout_s or random.choice((1.0, 1.5, 3.0)),
        rejoin=random.random() < 0.85,
        take_over=random.random() < 0.7,
    )


class NodeUser(User):
    """One such machine, with a program for each kind that there is."""

    def __init__(
        self, partition: "Partition", machine: Machine, cast: "Cast", *, stays: bool = False
    ) -> None:
        super().__init__(partition, machine)
        node = machine.client.node.node
        self.node = node.name
        object.__setattr__(node, "on_event", self._told)
        self.cast = cast
        self.stays = stays
        self.is_over = False
        """It has left, or it is retired."""
        places = [] if stays else list(self.world.partitions.values())
        self._hands = [hand(each, machine) for each in places for hand in each.subject.hands]

    @property
    def is_at_work(self) -> bool:
        """Whether it is, or is about to be, a node."""
        return not self.is_over and not self.process.dead

    @property
    def offered(self) -> list[str]:
        """The services that it offers, as it believes."""
        return [offer.service for offer in self.client.node.offers if isinstance(offer, Offer)]

    @property
    def session(self) -> str | None:
        """The session that it believes to have."""
        return self.client.node.session

    def owed(self) -> list[object]:
        """Return what must still come to an end. Heartbeats and watches never do."""
        return [task for task in self._tasks if not task.done()]

    def _told(self, event: NodeEvent) -> None:
        self.world.trace(self.name, event.what, event.session, event.why)
        if event.what == "RETIRED":
            self.machine.stopping = True

    async def _open(self, programs: int) -> None:
        """Be the node, or give up and be started anew."""
        _ = programs
        try:
            await self.client.open()
        except TidelockError as error:
            self.world.trace(self.name, repr(error))
            self._over()
            again_s = (error.retry_after_s or 0.3) * (1 + self.random.random())
            self.world.loop.later(again_s, self.cast.come_back, self.node)
            await self.client.close()
            self.process.kill()
            return
        await self._live()

    async def _live(self) -> None:
        hands = [hand._live() for hand in self._hands]
        await asyncio.gather(self._offer(), self._watch(), self._stay(), *hands)
        if self.client.node.session is None or self.random.random() < 0.5:
            self._over()
            await self.client.close()

    def _over(self) -> None:
        """It works no more: closing gives back what its programs left."""
        self.is_over = True
        for partition in self.cast.everywhere():
            partition.judge.trust.revoke(self.name)

    async def _stay(self) -> None:
        """Be at work until told to stop; some leave earlier."""
        until = self.world.loop.now + (MAX_S if self.stays else self.random.choice((3.0, MAX_S, MAX_S)))
        while not self.stopping and self.world.loop.now < until:
            await asyncio.sleep(0.2)
        self.machine.stopping = True

    # ── services ────────────────────────────────────────────────────────────────────────────────────────────

    async def _offer(self) -> None:
        """Offer a service, change the offer, withdraw it; the last offer stays when the machine does."""
        random = self.random
        offers = {name: self.client.service(name).register() for name in SERVICES}
        while not self.stopping:
            offer = offers[random.choice(SERVICES)]
            try:
                await offer.open()
                for _ in range(random.randint(0, 3)):
                    await asyncio.sleep(random.random() * self.world.pace_s)
                    draw = random.random()
                    if draw < 0.3:
                        await offer.update(weight=random.randint(0, 9))
                    elif draw < 0.6:
                        await offer.report(random.random() < 0.5, "why")
                if self.stopping:
                    return
                if random.random() < 0.7:
                    await offer.close()
            except TidelockError as error:
                self.world.trace(self.name, repr(error))
            await asyncio.sleep(0.1 + random.random() ** 2 * self.world.pace_s)

    async def _watch(self) -> None:
        service = self.client.service(self.random.choice(SERVICES))
        while not self.stopping:
            try:
                async with asyncio.timeout(1.0):
                    await service.instances()
            except (TidelockError, TimeoutError) as error:
                self.world.trace(self.name, repr(error))
            await asyncio.sleep(0.2 + self.random.random() * self.world.pace_s)
