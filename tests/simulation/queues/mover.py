"""The real mover, with a tail that lags, and who tidies up in the end."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from streams.log.accepted import CommitReader
from streams.processes.direct_lane import ClientQueueLane
from streams.processes.identity import Identity
from streams.processes.mover.moves import Lane
from streams.processes.mover.ports import Settled
from streams.processes.mover.process import MoverProcess, MoverState
from tests.simulation.deadlocks.tail import VirtualTail
from tests.simulation.network import TENANT
from tests.simulation.queues.users import READERS, QueueUser
from tests.simulation.users import User
from tidelock.client.errors import TidelockError
from tidelock.client.queues.consumer import Consumer
from tidelock.client.queues.queue import Queue
from tidelock.client.queues.reading import Readable

if TYPE_CHECKING:
    from tests.simulation.queues.subject import QueueSubject

_T = TypeVar("_T")
FULL_S = 10.0
"""After so long a queue that still holds up others is full of the dead."""
QUIET_S = 1.0
"""So long after the last put was decided all is there: what a client sent into its topic lands within less."""


class Mover(User):
    """A process that moves dead letters; after a crash another one begins at the start of the log."""

    @property
    def subject(self) -> "QueueSubject":
        """What the history is about."""
        return cast("QueueSubject", self.partition.subject)

    async def _live(self) -> None:
        world = self.world
        words = self.partition.vocabulary
        reader = CommitReader(self.partition.where, words, max_level=2)
        lag_s, pace_s = world.random.choice((0.0, 0.5, 3.0)), self.subject.mover_pace_s
        tail = VirtualTail(world.broker, world.random, lag_s, pace_s)
        lane = ClientQueueLane(self.client)
        await MoverProcess(Identity(TENANT, self.name), words, [reader], tail, lane, self).run()

    def owed(self) -> list[object]:
        """What it must still do, its queue shows."""
        return []

    # ── what the mover tells ────────────────────────────────────────────────────────────────────────────────

    def settled(self, lane: Lane, settled: Settled) -> None:
        self.world.trace(self.name, "moved", lane, settled)

    def state(self, state: MoverState) -> None:
        """Nobody wants to know."""

    def trouble(self, error: Exception) -> None:
        self.world.trace(self.name, repr(error))


class Tidier(QueueUser):
    """In peace: everything is worked off, the dead are removed, and a resize comes to its end."""

    is_empty = False

    async def _live(self) -> None:
        queues = [self.client.queue(name) for name in self.partition.names]
        while self._others_work():
            await asyncio.sleep(0.25)
        await self.subject.make(self)
        # Producers may know of a shard that a resize made and did not tell home of: only whoever goes on with it
        # leads consumers there.
        await self._surely(partial(queues[0].resize, self.subject.shards, wait=False))
        for queue in queues:
            await self._surely(queue.resume)
        consumers: dict[Readable[bytes], Consumer[bytes]] = {}
        sources: list[Readable[bytes]] = [*queues[:2]]
        if self.subject.news:
            sources += [queues[2].subscription(name) for name in READERS]
            for reader in READERS:
                await self._surely(queues[2].subscription(reader).add)
        hands = [asyncio.ensure_future(self._empty(source, consumers)) for source in sources]
        quiet_s = waited_s = 0.0
        while quiet_s < QUIET_S:
            await asyncio.sleep(0.25)
            quiet_s = 0.0 if self.subject.ledger.undone() or self._others_work() else quiet_s + 0.25
            waited_s += 0.25
            if waited_s % FULL_S == 0.0:  # what is on its way may wait for the room that dead letters take
                for source in sources:
                    await self._surely(partial(source.purge, "DEAD"))
        self.is_empty = True
        for consumer in consumers.values():
            await consumer.stop()
        await asyncio.gather(*hands)
        for source in sources:
            await self._surely(partial(source.purge, "DEAD"))
        await self._resize(queues[0])

    def _others_work(self) -> bool:
        """Say whether more may be put."""
        world = self.world
        users = [user for user in world.users if user is not self and not user.process.dead]
        return (
            self.partition.judge.undecided() > 0
            or any(user.owed() for user in users)
            or any(client.open for client in world.clients)
        )

    async def _resize(self, queue: Queue[bytes]) -> None:
        before = await self._surely(queue.stats)
        shards = 1 + before.route.shards % 3
        await self._surely(lambda: queue.resize(shards))
        after = await self._surely(queue.stats)
        if after.messages or (after.route.shards, after.route.previous) != (shards, shards):
            self.partition.judge.fail(f"at the end {queue.name} is {after}")

    async def _empty(
        self, source: Readable[bytes], consumers: dict[Readable[bytes], Consumer[bytes]]
    ) -> None:
        while not self.is_empty:
            consumer = consumers[source] = source.consume()
            try:
                while (message := await consumer.get()) is not None:
                    self.handed_out(message)
                    async with message:
                        self._disbelieve(message)
            except TidelockError as error:
                self.world.trace(self.name, repr(error))
                await consumer.stop()

    async def _surely(self, act: Callable[[], Awaitable[_T]]) -> _T:
        """Do it, also where the last faults are still felt."""
        while True:
            try:
                return await act()
            except TidelockError as error:
                self.world.trace(self.name, repr(error))
                await asyncio.sleep(0.3)
