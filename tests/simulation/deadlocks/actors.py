"""Who is at work beside the workers: programs with transactions, and detectors."""

import asyncio
from random import Random
from typing import TYPE_CHECKING

from streams.domain.locks.state import FREE, Lock
from streams.log.accepted import CommitReader
from streams.log.positions import PartitionId
from streams.processes.deadlocks.detector import Abort, Counts, DeadlockDetector
from streams.processes.deadlocks.process import DeadlockProcess
from streams.processes.direct_lane import ClientLane
from streams.processes.identity import Identity
from tests.simulation.deadlocks.tail import VirtualTail
from tests.simulation.loop import Process
from tests.simulation.network import TENANT, TOKEN
from tests.simulation.users import DriftingClock
from tidelock.client.client import Client
from tidelock.client.errors import Deadlock, TidelockError
from tidelock.client.settings import Settings
from tidelock.client.terms import LockOptions
from tidelock.client.transactions import LockTransaction

if TYPE_CHECKING:
    from tests.simulation.deadlocks.world import World

LONG_S = 90.0
"""Longer than any history: such a wait ends by a grant, or because a deadlock is broken."""


class Actor:
    """A process with a client of the real library."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.random: Random = world.random
        self.process = Process(world.loop, name)
        self.process.on_death = self._died
        settings = Settings(
            world.addresses, lambda: TOKEN, connect_timeout_s=2.0, stall_s=3.0, probe_s=1.5, client_id=name
        )
        self.client = self.process.context.run(Client, settings, DriftingClock(world.loop, 1.0))

    def _died(self) -> None:
        self.world.network.died(self.process)


class User(Actor):
    """Programs that take several locks, one after the other, in whatever order."""

    def __init__(self, world: "World", name: str) -> None:
        super().__init__(world, name)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, programs: int) -> None:
        """Start working."""
        self._tasks.append(self.process.spawn(self._open(programs)))

    async def _open(self, programs: int) -> None:
        await self.client.open()
        self._tasks += [self.process.spawn(self._live()) for _ in range(programs)]

    def is_done(self) -> bool:
        """Say whether all programs have ended."""
        return all(task.done() for task in self._tasks)

    async def _live(self) -> None:
        random, started_ms = self.random, None
        while not self.world.stopping:
            await asyncio.sleep(random.random() ** 2 * self.world.pace_s)
            try:
                if random.random() < 0.2:
                    await self._without_transaction()
                    continue
                transaction = self.client.transaction(started_ms=started_ms)
                started_ms = None
                async with asyncio.timeout(random.choice((0.5, 2.0, None, None))):
                    await self._transact(transaction)
            except Deadlock as deadlock:
                started_ms = transaction.started_ms
                if not any(transaction.id in edge for edge in deadlock.cycle):
                    self.world.judge.fail(f"{transaction.id} gives way to {deadlock.cycle}, where it is not")
            except (TidelockError, TimeoutError) as error:
                self.world.trace(self.name, repr(error))

    async def _transact(self, transaction: LockTransaction) -> None:
        random = self.random
        names = random.sample(self.world.names, random.randint(2, min(3, len(self.world.names))))
        async with transaction:
            for name in names:
                held = await transaction.acquire(name, **self._options())
                await asyncio.sleep(random.random() ** 3 * 0.3)
                if held.mode == "SHARED" and random.random() < 0.2:
                    await held.upgrade(wait=LONG_S)
                elif held.mode == "EXCLUSIVE" and random.random() < 0.1:
                    await held.downgrade()

    async def _without_transaction(self) -> None:
        async with self.client.lock(self.random.choice(self.world.names), **self._options()):
            await asyncio.sleep(self.random.random() ** 2 * 0.5)

    def _options(self) -> LockOptions:
        random = self.random
        return {
            "shared": random.random() < 0.4,
            "ttl": random.choice((0.5, 2.0, 8.0)),
            "wait": random.choice((0.3, 1.5, LONG_S, LONG_S, LONG_S)),
            "priority": random.choice((0, 0, 0, 9)),
            "lock_delay": random.choice((0.0, 0.0, 0.2)),
            "cancel_on_loss": False,
        }


class Detector(Actor):
    """The real detector, with tails that lag."""

    def __init__(self, world: "World", name: str, lag_s: float) -> None:
        super().__init__(world, name)
        self.tail = VirtualTail(world.broker, world.random, lag_s)

    def start(self) -> None:
        """Start working, where a read model might stand."""
        self.process.spawn(self._work())

    async def _work(self) -> None:
        await self.client.open()
        detector = DeadlockDetector()
        readers = [self._begun(where, detector) for where in self.world.partitions]
        lane = ClientLane(self.client, patience_s=3.0)
        me = Identity(TENANT, self.name)
        await DeadlockProcess(detector, me, readers, self.tail, lane, self).run()

    def _begun(self, where: PartitionId, detector: DeadlockDetector) -> CommitReader:
        records = self.world.topic(where).records
        reader = CommitReader(where, self.world.vocabulary)
        locks: dict[str, Lock] = {}
        for stored in records[: self.random.randint(0, len(records))]:
            accepted = reader.read(stored)
            for one in () if accepted is None else accepted.decided:
                for event in one.events:
                    state = locks.get(one.decision.key, FREE)
                    locks[one.decision.key] = self.world.vocabulary.kind.decider.evolve(state, event)
        detector.restore(where, reader.checkpoint.events, locks)
        return reader

    # what the detector tells ------------------------------------------------------------------------
    def counted(self, counts: Counts) -> None:
        """Nobody wants to know."""

    def aborted(self, abort: Abort, ended: bool, after_s: float) -> None:
        self.world.trace(self.name, "aborted" if ended else "came late", abort.cycle, after_s)

    def trouble(self, error: Exception) -> None:
        self.world.trace(self.name, repr(error))
