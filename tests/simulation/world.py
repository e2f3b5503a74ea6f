"""The world of one history: broker, network, workers, clients, and the faults that befall them.

It has one partition a subject, of one kind or of several; each partition has its own topics and its own judge.
"""

import asyncio
from random import Random
from typing import TypeVar

from streams.log.positions import PartitionId
from tests.simulation.clients import Client
from tests.simulation.faults import Faults
from tests.simulation.log import Broker, VirtualDeadLetters
from tests.simulation.loop import Process, SimLoop
from tests.simulation.network import Network, Socket
from tests.simulation.partition import Partition
from tests.simulation.subject import Subject
from tests.simulation.users import ADDRESSES, User
from tests.simulation.worker import Worker

U = TypeVar("U", bound=User)


class World:
    """Everything one history consists of. `chaos` (see `havoc`) and the clock drive it."""

    def __init__(self, random: Random, faults: Faults, *subjects: Subject, keep_trace: bool = False) -> None:
        self.random = random
        self.faults = faults
        self.loop = SimLoop(random)  # type: ignore[abstract]
        self.broker = Broker(self.loop, random, faults)
        self.network = Network(self.loop, random, faults)
        self.loop.dial = self._reach
        self.letters = VirtualDeadLetters(self.broker)
        self.quiet = False
        self.workers: list[Worker] = []
        self.clients: list[Client] = []
        self.users: list[User] = []
        self.events: list[str] = []
        self.keep_trace = keep_trace
        self.lossy = faults.p_net_drop > 0
        self.partitions: dict[PartitionId, Partition] = {}
        for subject in subjects:
            self.partitions[subject.where] = Partition(self, subject)
        self.pace_s = random.choice((0.05, 0.3, 1.0, 5.0))
        self._assignment = 0
        self._heard: dict[str, int] = {}
        """The last assignment that each worker heard of."""

    def trace(self, *words: object) -> None:
        """Note what happened, when the run is traced."""
        if self.keep_trace:
            self.events.append(f"{self.loop.now:9.4f} " + " ".join(map(str, words)))

    @property
    def violations(self) -> list[str]:
        """What was seen that must not be."""
        return [each for partition in self.partitions.values() for each in partition.judge.violations]

    @property
    def peace_s(self) -> float:
        """Within so long after the last fault, all is answered and done."""
        return max(partition.subject.peace_s for partition in self.partitions.values())

    def any_partition(self) -> Partition:
        """Return one of the partitions. Costs no randomness where there is only one."""
        partitions = list(self.partitions.values())
        return partitions[0] if len(partitions) == 1 else self.random.choice(partitions)

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
        worker = Worker(self, name, address, level, skew, fails=not sound)
        self.workers.append(worker)
        for partition in self.partitions.values():
            partition.judge.workers[name] = worker
        return worker

    def assign(self, worker: Worker, *, alone: bool = True, everything: bool = False) -> None:
        """Move the assignment to `worker`; the others are told, late or soon, unless two shall own at once.

        Of several partitions only some are moved if their owners live, unless `everything` is.
        """
        several, random = len(self.partitions) > 1 and not everything, self.random
        for partition in self.partitions.values():
            owner = partition.owner
            stays = several and owner is not None and owner.alive and random.random() < 0.5
            if not stays:
                partition.owner = worker
        self._assignment += 1
        owners = {where: partition.owner for where, partition in self.partitions.items() if partition.owner}
        for other in self.alive():
            if alone or other is worker:
                late = 3.0 * random.random() if self.broker.hit(self.faults.p_late_news) else 0.0
                self.loop.later(late, self._tell, other, owners, self._assignment)

    def _tell(self, member: Worker, owners: dict[PartitionId, Worker], assignment: int) -> None:
        if self._heard.get(member.name, 0) < assignment:
            self._heard[member.name] = assignment
            member.assigned(owners)

    def alive(self) -> list[Worker]:
        """Return the processes that still run."""
        return [worker for worker in self.workers if worker.alive]

    def assigned(self) -> Worker | None:
        """Return who was assigned something, if anybody was."""
        return self.any_partition().owner

    def owns(self, worker: Worker) -> bool:
        """Say whether something is assigned to `worker`."""
        return any(partition.owner is worker for partition in self.partitions.values())

    # ── clients ─────────────────────────────────────────────────────────────────────────────────────────────

    def enter(self, user: U, most: int) -> U:
        """Have a user begin, with up to so many programs."""
        self.users.append(user)
        for partition in self.partitions.values():
            partition.judge.users.add(user.name)
        user.start(self.random.randint(1, most))
        return user

    def kill_one(self, kind: type[User]) -> None:
        """Kill a user of that kind, if one is alive."""
        alive = [user for user in self.users if isinstance(user, kind) and not user.process.dead]
        if alive:
            victim = self.random.choice(alive)
            self.trace("killed", victim.name)
            victim.process.kill()

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
