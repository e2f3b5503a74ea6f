"""One worker process of the simulation: real owners, roster and connections, composed as the product's worker does."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import structlog

from streams.engine.batch import Batch
from streams.engine.direct_lane import Connection
from streams.engine.owner import Owner
from streams.engine.pending import Pending
from streams.engine.roster import Access, Roster
from streams.engine.settings import OwnerSettings
from streams.engine.watch import Silent
from streams.log.positions import PartitionId
from streams.wire.messages import Answer
from tests.simulation.log import EPOCH_MS, VirtualPorts
from tests.simulation.loop import Process, SimLoop
from tests.simulation.network import IDENTITY, TOKEN

if TYPE_CHECKING:
    from tests.simulation.world import World

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


class StartFailure(Exception):
    """A planted exception: making an owner may fail."""


class Served(Connection):
    """A real connection; the judge hears what leaves on it."""

    def __init__(self, worker: "Worker") -> None:
        super().__init__(worker.roster)
        self.asked: set[int] = set()
        """Sequences that came in on it."""
        self.told: set[tuple[int, int]] = set()
        """(offset, sequence) of what left on it."""
        self._worker = worker

    def answer(
        self, where: PartitionId, offset: int, lease_ms: int, mark_ms: int, answers: list[Answer]
    ) -> None:
        if where.partition >= 0:
            self._worker.answers(self, where, offset, lease_ms, answers)
        super().answer(where, offset, lease_ms, mark_ms, answers)


class WatchedRoster(Roster):
    """The real roster; it notes which connection asked for what, and who is newest."""

    world: "World"
    newest: dict[str, Connection]
    """The connection of each client that said hello last; it may be over."""

    def connected(self, connection: Connection) -> None:
        self.newest[connection.client] = connection
        super().connected(connection)

    def submit(self, where: PartitionId, pending: Pending) -> None:
        if isinstance(pending.reply_to, Served):
            pending.reply_to.asked.add(pending.meta.sequence)
            self.world.partitions[where].judge.asked(pending)
        super().submit(where, pending)


class Worker(Silent):
    """A process with an address, a code version, clocks, and the partitions that it is assigned."""

    def __init__(
        self,
        world: "World",
        name: str,
        address: str,
        max_level: int,
        skew_ms: int,
        *,
        fails: bool,
    ) -> None:
        """`fails`: its code fails at the rate of the world's faults."""
        self.world = world
        self.name = name
        self.address = address
        self.max_level = max_level
        self.skew_ms = skew_ms
        self.process = Process(world.loop, name)
        self.process.on_death = self._died
        kinds = {where.kind: partition.subject.releases for where, partition in world.partitions.items()}
        self.vocabularies = {
            kind: releases.vocabulary(max_level, world if fails else None) for kind, releases in kinds.items()
        }
        self.owners: dict[PartitionId, Owner] = {}
        """Of each partition the owner that was made last; there is never a second one at work."""
        self.ports: list[VirtualPorts] = []
        self.freezes: list[tuple[float, float]] = []
        self.clock = VirtualClock(world.loop, world.random.randint(0, 10**9), skew_ms)
        self.entropy = VirtualEntropy(world.random)
        self.roster = WatchedRoster(
            name,
            address,
            self.vocabularies,
            PARTITIONS,
            Access(TOKEN, IDENTITY),
            4096,
            self.clock,
        )
        self.roster.newest, self.roster.world = {}, world
        self.roster.owner_factory = self._own
        self.roster._log = _QUIET

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return not self.process.dead

    @property
    def closed(self) -> bool:
        """Whether a partition is quarantined here, until an operator restarts the process."""
        return any(owner.phase == "quarantined" for owner in self.owners.values())

    def assigned(self, owners: Mapping[PartitionId, "Worker"]) -> None:
        """Hear from the group who owns what."""
        if self.alive:
            mine = frozenset(where for where, owner in owners.items() if owner is self)
            routes = {where: owner.address for where, owner in owners.items()}
            self.process.spawn(self.roster.assigned(mine, routes))
            self.world.trace("assigned", self.name, *sorted(map(str, mine)))

    def activate(self, level: int) -> None:
        """Have the owners here that lead activate `level`: an operator asked for it."""
        for where, owner in self.owners.items():
            if owner.phase == "leading" and (claim := owner.reader.head.claim) is not None:
                self.world.trace("asked to activate", level, self.name, where)
                self.world.partitions[where].judge.activating(claim.owner, level)
                owner.activate(level)

    def serve(self) -> Served:
        """Take a connection."""
        return Served(self)

    def answers(
        self, connection: Served, where: PartitionId, offset: int, lease_ms: int, answers: list[Answer]
    ) -> None:
        """Have the judge look at what leaves on a connection."""
        judge, identity = self.world.partitions[where].judge, connection.identity
        assert identity is not None
        judge.answered(identity.principal, connection.client, offset, lease_ms, answers)
        newest = self.roster.newest.get(connection.client)
        for answer in answers:
            told = (offset, answer.sequence)
            connection.told.add(told)
            if newest is connection or answer.sequence in connection.asked:
                continue
            if isinstance(newest, Served) and newest._transport is not None and told not in newest.told:
                judge.fail(
                    f"{connection.client} is answered {answer} on an older connection alone, which never asked"
                )

    # what the owner asks ----------------------------------------------------------------------------
    def accepted(self, where: PartitionId, batch: Batch, append_ms: int) -> None:
        if where in self.owners:
            self.world.partitions[where].judge.compare(self.owners[where])

    def trouble(self, where: PartitionId, error: Exception) -> None:
        self.world.trace("trouble", self.name, where, repr(error))
        self.world.partitions[where].judge.troubled(error)

    # ------------------------------------------------------------------------------------------------
    def _own(self, where: PartitionId) -> Owner:
        world = self.world
        if world.broker.hit(world.faults.p_start_failure):
            raise StartFailure
        ports = world.partitions[where].ports(self)
        self.ports.append(ports)
        settings = OwnerSettings(
            address=self.address, partitions=PARTITIONS, max_level=self.max_level, skew_pause_ms=1000
        )
        words = self.vocabularies[where.kind]
        owner = Owner(where, words, ports, self.clock, self.entropy, settings, self.roster, self)
        self.owners[where] = owner
        return owner

    def _died(self) -> None:
        self.world.trace("died", self.name)
        for ports in self.ports:
            ports.abandon()
        self.world.network.died(self.process)


def _drop(_: object, __: str, ___: structlog.typing.EventDict) -> structlog.typing.EventDict:
    raise structlog.DropEvent


_QUIET = structlog.wrap_logger(None, processors=[_drop])
