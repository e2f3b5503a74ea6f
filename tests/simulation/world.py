"""The world of one history: broker, network, workers, clients, and the faults that befall them."""

import asyncio
from random import Random

from schemas.meta import CommandMeta
from streams.log.ports import Stored
from streams.log.reader import PartitionReader
from streams.log.vocabulary import Vocabulary
from tests.simulation.clients import Client
from tests.simulation.faults import Faults
from tests.simulation.invariants import Judge
from tests.simulation.locks.subject import LockSubject
from tests.simulation.log import Broker, Landing, VirtualDeadLetters
from tests.simulation.loop import Process, SimLoop
from tests.simulation.network import TENANT, Network, Socket
from tests.simulation.subject import Subject
from tests.simulation.users import User
from tests.simulation.worker import Worker

ADDRESSES = ("h0:1", "h1:1", "h2:1", "h3:1")
"""A process that starts takes the first one that is free."""


class World:
    """Everything one history consists of. `chaos` (see `havoc`) and the clock drive it."""

    def __init__(
        self, random: Random, faults: Faults, subject: Subject | None = None, *, keep_trace: bool = False
    ) -> None:
        """`subject`: locks, unless it says otherwise."""
        self.subject: Subject = subject or LockSubject()
        self.where = self.subject.where
        self.random = random
        self.faults = faults
        self.loop = SimLoop(random)  # type: ignore[abstract]
        self.broker = Broker(self.loop, random, faults)
        self.network = Network(self.loop, random, faults)
        self.loop.dial = self._reach
        self.vocabulary: Vocabulary = self.subject.releases.vocabulary(2)
        self.letters = VirtualDeadLetters(self.broker)
        self.log = self.broker.topic(self.where.log_topic + "/0")
        self.commands = self.broker.topic(self.where.commands_topic + "/0")
        self.names = self.subject.names(random)
        reader = PartitionReader(self.where, self.vocabulary, 2)
        self.judge = Judge(self.loop, reader, self.vocabulary, self.commands, self.subject)
        self.log.observers.append(self._landed)
        self.pace_s = random.choice((0.05, 0.3, 1.0, 5.0))
        self.quiet = False
        self.workers: list[Worker] = []
        self.assigned: Worker | None = None
        self.clients: list[Client] = []
        self.users: list[User] = []
        self.events: list[str] = []
        self.keep_trace = keep_trace
        self.lossy = faults.p_net_drop > 0
        self._produced = 0
        self._assignment = 0
        self._heard: dict[str, int] = {}
        """The last assignment that each worker heard of."""

    def trace(self, *words: object) -> None:
        """Note what happened, when the run is traced."""
        if self.keep_trace:
            self.events.append(f"{self.loop.now:9.4f} " + " ".join(map(str, words)))

    # ── workers ─────────────────────────────────────────────────────────────────────────────────────────────

    def start_worker(self, *, sound: bool = False) -> Worker:
        """Start a process. `sound`: of the newest version, with a right clock."""
        random, faults = self.random, self.faults
        level = 1 if not sound and random.random() < faults.p_old_version else 2
        skew = 0
        if not sound and random.random() < faults.p_worker_skew:
            skew = int(random.choice((1000, 60_000, 280_000, 400_000, 4_000_000)) * random.uniform(-1, 1))
        name = f"w{len(self.workers)}"
        taken = {worker.address for worker in self.alive()}
        address = next(one for one in ADDRESSES if one not in taken)
        worker = Worker(
            self, name, address, self.subject.releases.vocabulary(level, None if sound else self), level, skew
        )
        self.workers.append(worker)
        self.judge.workers[name] = worker
        return worker

    def assign(self, worker: Worker, *, alone: bool = True) -> None:
        """Move the assignment to `worker`; the others are told, late or soon, unless two shall own at once."""
        self.assigned = worker
        self._assignment += 1
        for other in self.alive():
            if alone or other is worker:
                late = 3.0 * self.random.random() if self.broker.hit(self.faults.p_late_news) else 0.0
                self.loop.later(late, self._tell, other, worker, self._assignment)

    def _tell(self, member: Worker, owner: Worker, assignment: int) -> None:
        if self._heard.get(member.name, 0) < assignment:
            self._heard[member.name] = assignment
            member.assigned(member is owner, {self.where: owner.address})

    def alive(self) -> list[Worker]:
        """Return the processes that still run."""
        return [worker for worker in self.workers if worker.alive]

    # ── clients ─────────────────────────────────────────────────────────────────────────────────────────────

    def start_clients(self, kind: type[Client], count: int) -> None:
        """Start clients, each with one or two handles at work."""
        for i in range(count):
            drifts = self.random.random() < self.faults.p_client_drift
            client = kind(self, f"c{i}", self.random.uniform(0.993, 1.007) if drifts else 1.0)
            self.clients.append(client)
            client.process.call(client.connect, self.guess(client.name))
            client.process.spawn(client.tend())
            for handle in range(1 if self.quiet else self.random.randint(1, 2)):
                client.process.spawn(client.live(f"h{handle}"))

    def start_users(self, kind: type[User], count: int) -> None:
        """Start programs that use the real client library."""
        for i in range(count):
            self.start_user(kind, f"u{i}", 3)

    def start_user(self, kind: type[User], name: str, most: int) -> User:
        """Start one, with up to so many programs."""
        drifts = self.random.random() < self.faults.p_client_drift
        user = kind(self, name, self.random.uniform(0.993, 1.007) if drifts else 1.0, ADDRESSES)
        self.users.append(user)
        self.judge.users.add(user.name)
        user.start(self.random.randint(1, most))
        return user

    def processes(self) -> list[Process]:
        """Return the processes of clients and users."""
        everybody = [each.process for each in self.clients] + [each.process for each in self.users]
        return [process for process in everybody if not process.dead]

    def guess(self, client: str) -> str | None:
        """Return where a client without better knowledge looks for the owner."""
        alive = self.alive()
        return self.random.choice(alive).address if alive else None

    def dial(self, process: Process, protocol: asyncio.Protocol, address: str | None) -> Socket | None:
        """Return the near end of a connection to whoever listens at `address`; None: nobody."""
        found = next((one for one in self.alive() if one.address == address), None)
        if found is None:
            return None
        return self.network.connect(process, protocol, found.process, found.serve)

    async def _reach(self, process: Process, protocol: asyncio.Protocol, address: str) -> Socket:
        await asyncio.sleep(self.network.latency())
        socket = self.dial(process, protocol, address)
        if socket is None:
            raise ConnectionRefusedError(f"nobody listens at {address}")
        return socket

    # ── the topics ──────────────────────────────────────────────────────────────────────────────────────────

    def produce(self, value: bytes | None) -> None:
        """A producer's record lands in the commands topic a little later, sometimes with a stray neighbour."""
        self.loop.later(
            self.broker.latency() * (1 + 200 * self.random.random() ** 4), self.commands.land, value
        )
        if self.broker.hit(self.faults.p_undecodable):
            garbage = self.random.choice(
                (None, b"", b"\xc3\x01", self.random.randbytes(30), (value or b"")[:-1])
            )
            self.loop.later(0.001, self.commands.land, garbage)
        if self.broker.hit(self.faults.p_wrong_partition):
            self._produced += 1
            now = self.broker.wall_ms()
            meta = CommandMeta(0, TENANT, "stray", self._produced, "h", now, now + 60_000)
            stray = self.vocabulary.encode_command(meta, self.subject.stray())
            self.loop.later(0.001, self.commands.land, stray)

    def _landed(self, stored: Stored, landing: Landing | None) -> None:
        sender = "foreign" if landing is None else landing.writer.process.name
        self.trace("landed", stored.offset, sender, (stored.value or b"").hex()[:120])
        self.judge.landed(stored, landing)
