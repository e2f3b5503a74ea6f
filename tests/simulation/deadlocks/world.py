"""Three partitions, workers that own them, users, detectors; and what befalls them."""

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random

from streams.domain.locks.kind import LOCKS
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.wire.keys import key_of
from streams.wire.murmur2 import partition_of
from tests.simulation.deadlocks.actors import Actor, Detector, User
from tests.simulation.deadlocks.judge import Judge
from tests.simulation.deadlocks.worker import Worker
from tests.simulation.faults import Faults
from tests.simulation.log import Broker, Landing, Topic
from tests.simulation.loop import Process, SimLoop
from tests.simulation.network import TENANT, Network, Socket

PARTITIONS = tuple(PartitionId("locks", number) for number in range(3))
ADDRESSES = ("h0:1", "h1:1", "h2:1")
VOCABULARY = Vocabulary(LOCKS)
NAMES = {
    where: [
        n for n in map(str, range(60)) if partition_of(key_of(TENANT, n), len(PARTITIONS)) == where.partition
    ]
    for where in PARTITIONS
}


class World:
    """Everything one history consists of."""

    partitions = PARTITIONS
    addresses = ADDRESSES
    vocabulary = VOCABULARY

    def __init__(self, random: Random, faults: Faults, *, keep_trace: bool = False) -> None:
        self.random = random
        self.faults = faults
        self.loop = SimLoop(random, max_steps=600_000)  # type: ignore[abstract]
        self.broker = Broker(self.loop, random, faults)
        self.network = Network(self.loop, random, faults)
        self.loop.dial = self._reach
        self.judge = Judge(self.loop, VOCABULARY, PARTITIONS)
        self.names = [name for where in PARTITIONS for name in NAMES[where][: random.randint(1, 2)]]
        self.pace_s = random.choice((0.05, 0.3, 1.0))
        self.lag_s = random.choice((0.0, 0.1, 1.0, 3.0))
        self.stopping = False
        self.workers: list[Worker] = []
        self.users: list[User] = []
        self.detectors: list[Detector] = []
        self.events: list[str] = []
        self._keep_trace = keep_trace
        for where in PARTITIONS:
            self.topic(where).observers.append(partial(self._landed, where))

    def trace(self, *words: object) -> None:
        """Note what happened, when the run is traced."""
        if self._keep_trace:
            self.events.append(f"{self.loop.now:9.4f} " + " ".join(map(str, words)))

    def topic(self, where: PartitionId) -> Topic:
        """Return the partition's log."""
        return self.broker.topic(f"{where.log_topic}/{where.partition}")

    def _landed(self, where: PartitionId, stored: Stored, _: Landing | None) -> None:
        self.judge.landed(where, stored)

    # ── who there is ────────────────────────────────────────────────────────────────────────────────────────

    def start_worker(self) -> Worker:
        """Start a worker at a free address."""
        taken = {worker.address for worker in self.alive()}
        address = next(one for one in ADDRESSES if one not in taken)
        name = f"w{len(self.workers)}"
        worker = Worker(self.broker, self.network, name, address, len(PARTITIONS), VOCABULARY, self.random)
        self.workers.append(worker)
        return worker

    def start_user(self) -> None:
        """Start a client with a few programs."""
        user = User(self, f"u{len(self.users)}")
        self.users.append(user)
        user.start(self.random.randint(2, 4))

    def start_detector(self) -> None:
        """Start another detector, also after an earlier one died."""
        detector = Detector(self, f"d{len(self.detectors)}", self.lag_s)
        self.detectors.append(detector)
        detector.start()

    def alive(self) -> list[Worker]:
        """Return the workers that run."""
        return [worker for worker in self.workers if not worker.process.dead]

    def detecting(self) -> list[Detector]:
        """Return the detectors that run."""
        return [detector for detector in self.detectors if not detector.process.dead]

    def processes(self) -> list[Process]:
        """Return all processes that run."""
        actors: list[Worker | Actor] = [*self.alive(), *self.users, *self.detecting()]
        return [actor.process for actor in actors if not actor.process.dead]

    def at_rest(self) -> bool:
        """Say whether every program of a user that lives has ended."""
        return all(user.process.dead or user.is_done() for user in self.users)

    def assign(self) -> None:
        """Spread the partitions over the workers that run."""
        alive = self.alive()
        owners = {where: self.random.choice(alive) for where in PARTITIONS}
        routes = {where: worker.address for where, worker in owners.items()}
        for worker in alive:
            worker.assigned([where for where, owner in owners.items() if owner is worker], routes)

    async def _reach(self, process: Process, protocol: asyncio.Protocol, address: str) -> Socket:
        await asyncio.sleep(self.network.latency())
        found = next((one for one in self.alive() if one.address == address), None)
        if found is None:
            raise ConnectionRefusedError(f"nobody listens at {address}")
        return self.network.connect(process, protocol, found.process, found.serve)

    # ── what befalls it ─────────────────────────────────────────────────────────────────────────────────────

    def begin_havoc(self) -> None:
        """Have things happen at the rates that the seed drew."""
        faults = self.faults
        for rate, act in (
            (faults.r_crash, self._crash_worker),
            (faults.r_crash, self._crash_detector),
            (faults.r_crash / 3, self._crash_user),
            (faults.r_freeze, self._freeze),
            (faults.r_flap, self.assign),
            (faults.r_disconnect, self._disconnect),
        ):
            if rate:
                self.loop.later(self.random.expovariate(rate), self._again, rate, act)

    def _again(self, rate: float, act: Callable[[], None]) -> None:
        if not self.stopping:
            act()
            self.loop.later(self.random.expovariate(rate), self._again, rate, act)

    def _crash_worker(self) -> None:
        self.random.choice(self.alive()).process.kill()
        self.start_worker()
        self.loop.later(self.random.random(), self.assign)

    def _crash_detector(self) -> None:
        if self.detecting():
            self.random.choice(self.detecting()).process.kill()
        self.loop.later(2.0 * self.random.random(), self.start_detector)

    def _crash_user(self) -> None:
        self.random.choice(self.users).process.kill()

    def _freeze(self) -> None:
        process = self.random.choice(self.processes())
        process.freeze()
        self.loop.later(3.0 * self.random.random(), process.thaw)

    def _disconnect(self) -> None:
        sockets = self.network.open()
        if sockets:
            self.random.choice(sockets).reset()

    def peace(self) -> None:
        """End all faults; users finish what they have begun."""
        self.faults.none()
        self.stopping = True
        for process in self.processes():
            process.thaw()
        for worker in self.workers:
            for ports in worker.ports:
                ports.resolve()
        for detector in self.detectors:
            detector.tail.lag_s = 0.0
        self.lag_s = 0.0
        self.assign()
        if not self.detecting():
            self.start_detector()
