"""One worker process of the simulation: the composition of real owners, as the product's worker composes them."""

import asyncio
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from schemas.errors import SchemaError
from streams.engine.batch import Batch
from streams.engine.intake import take_in
from streams.engine.outbox import Identity
from streams.engine.owner import Owner
from streams.engine.ports import ReplyTo
from streams.engine.settings import OwnerSettings
from streams.engine.watch import Silent
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.wire.messages import Refused
from tests.simulation.log import EPOCH_MS, VirtualPorts
from tests.simulation.loop import Process, SimLoop
from tests.simulation.network import IDENTITY, Connection

if TYPE_CHECKING:
    from tests.simulation.world import World

WHERE = PartitionId("locks", 0)
PARTITIONS = 2


@dataclass(slots=True)
class VirtualClock:
    """A process's clock: the monotonic one exact but with its own origin, the wall clock skewed."""

    loop: SimLoop
    origin_ms: int
    skew_ms: int

    def monotonic_ms(self) -> int:
        return int(self.loop.now * 1000) + self.origin_ms

    def wall_ms(self) -> int:
        return EPOCH_MS + int(self.loop.now * 1000) + self.skew_ms


@dataclass(slots=True)
class VirtualEntropy:
    """Randomness from the seed."""

    random: Random

    def owner_id(self) -> bytes:
        return self.random.randbytes(16)

    def pause_s(self, low: float, high: float) -> float:
        return self.random.uniform(low, high)


class Worker(Silent):
    """A process with an address, a code version, clocks, and the partition when it is assigned."""

    def __init__(
        self, world: "World", name: str, vocabulary: Vocabulary, max_level: int, skew_ms: int
    ) -> None:
        self.world = world
        self.name = name
        self.max_level = max_level
        self.skew_ms = skew_ms
        self.process = Process(world.loop, name)
        self.process.on_death = self._died
        self.vocabulary = vocabulary
        self.wanted = False
        """Whether membership assigns the partition here, now."""
        self.owner: Owner | None = None
        self.task: asyncio.Task[None] | None = None
        self.connections: dict[tuple[str, str], Connection] = {}
        self.ports: list[VirtualPorts] = []
        self.freezes: list[tuple[float, float]] = []
        self.clock = VirtualClock(world.loop, world.random.randint(0, 10**9), skew_ms)
        self.entropy = VirtualEntropy(world.random)

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return not self.process.dead

    @property
    def closed(self) -> bool:
        """Whether the partition is quarantined here, until an operator restarts the process."""
        return self.owner is not None and self.owner.phase == "quarantined"

    def assign(self) -> None:
        """Become an owner of the partition (as far as membership is concerned)."""
        self.wanted = True
        if self.alive:
            self.process.call(self._start)

    def unassign(self) -> None:
        """Stop owning: first kindly, then by cancellation."""
        self.wanted = False
        if self.alive and self.owner is not None:
            self.process.call(self._stop, self.owner, self.task)

    def receive(self, connection: Connection, frame: bytes) -> None:
        """Take a command frame, as the direct lane's server does."""
        self.connections[connection.identity.principal, connection.client] = connection
        try:
            _, pending = take_in(
                frame, "DIRECT", self.vocabulary, PARTITIONS, connection.identity, connection
            )
        except SchemaError:
            self._refuse(connection, -1, "MALFORMED_FRAME")
            return
        if self.owner is None or self.task is None or self.task.done():
            self._refuse(connection, pending.meta.sequence, "NOT_OWNER")
        else:
            self.owner.submit(pending)

    def mark_ms(self) -> int | None:
        """Return the wall mark for the hello answer, when there is one."""
        return self.owner.mark_ms() if self.owner is not None and self.owner.phase == "leading" else None

    # what the owner asks ----------------------------------------------------------------------------
    def connection_of(self, principal: str, client: str) -> ReplyTo | None:
        connection = self.connections.get((principal, client))
        return connection if connection is not None and connection.open else None

    def address_of(self, where: PartitionId) -> str | None:
        claim = None if self.owner is None else self.owner.reader.head.claim
        return None if claim is None else claim.address

    def topic_identity(self) -> Identity:
        return IDENTITY

    def accepted(self, where: PartitionId, batch: Batch, append_ms: int) -> None:
        if self.owner is not None:
            self.world.judge.compare(self.owner)

    def trouble(self, where: PartitionId, error: Exception) -> None:
        self.world.trace("trouble", self.name, repr(error))
        self.world.judge.troubled(error)

    # ------------------------------------------------------------------------------------------------
    def _start(self) -> None:
        if not self.wanted or (self.task is not None and not self.task.done()):
            return
        ports = VirtualPorts(
            self.world.broker, WHERE, self.process, self.world.letters, self.world.judge.appending
        )
        self.ports.append(ports)
        settings = OwnerSettings(address=self.name, partitions=PARTITIONS, max_level=self.max_level)
        self.owner = Owner(WHERE, self.vocabulary, ports, self.clock, self.entropy, settings, self, self)
        self.task = asyncio.get_running_loop().create_task(self.owner.run())
        self.task.add_done_callback(lambda _: self._start())
        self.world.trace("assigned", self.name)

    async def _stopping(self, owner: Owner, task: "asyncio.Task[None]") -> None:
        await owner.stop()
        await asyncio.sleep(1.0)
        task.cancel()

    def _stop(self, owner: Owner, task: "asyncio.Task[None] | None") -> None:
        if task is not None and not task.done():
            asyncio.get_running_loop().create_task(self._stopping(owner, task))

    def _refuse(self, connection: Connection, sequence: int, code: str) -> None:
        connection.refuse(
            Refused(sequence, code, "", WHERE.kind, WHERE.partition, self.address_of(WHERE), 100)
        )

    def _died(self) -> None:
        self.world.trace("died", self.name)
        for ports in self.ports:
            ports.abandon()
        for connection in self.connections.values():
            connection.close()
