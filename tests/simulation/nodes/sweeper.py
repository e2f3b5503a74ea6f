"""The real sweeper, with tails that lag; what it asks for is checked against what it was given to read."""

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

from streams.domain.nodes import events as e
from streams.domain.nodes.commands import PullBrake
from streams.domain.nodes.names import node_of
from streams.log.accepted import CommitReader
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.processes.direct_lane import ClientSessionLane
from streams.processes.identity import Identity
from streams.processes.sweeper.process import SweeperProcess, SweeperState
from streams.processes.sweeper.sweeps import Sweep
from tests.simulation.deadlocks.tail import VirtualTail
from tests.simulation.network import TENANT
from tests.simulation.users import Machine, User
from tidelock.client.client import Client

if TYPE_CHECKING:
    from tests.simulation.nodes.cast import Cast
    from tests.simulation.partition import Partition


PACE_S = 0.1


class Given:
    """What one sweeper was given to read, and when: whether the brake is pulled, who ended by silence."""

    def __init__(self, cast: "Cast") -> None:
        self.pulled_at: float | None = None
        self.silent: set[str] = set()
        """Sessions that ended by silence and whose node has not registered since."""
        self._cast = cast
        self._readers: dict[PartitionId, CommitReader] = {}

    def take(self, where: PartitionId, records: list[Stored]) -> None:
        """A batch is given."""
        partition = self._cast.world.partitions[where]
        words = partition.vocabulary
        reader = self._readers.setdefault(where, CommitReader(where, words, max_level=2))
        for stored in records:
            accepted = reader.read(stored)
            for decision in () if accepted is None else accepted.commit.decisions:
                for data in decision.events:
                    self._event(words.decode_event(data))

    def _event(self, event: object) -> None:
        match event:
            case e.BrakePulled():
                self.pulled_at = self._cast.world.loop.now
            case e.BrakeReleased():
                self.pulled_at = None
            case e.NodeDied():
                self.silent.add(event.session)
            case e.NodeRegistered():
                self.silent -= {each for each in self.silent if node_of(each) == event.name}


class GivenTail(VirtualTail):
    """A tail that notes what it gives."""

    given: Given

    async def _noted(
        self, batches: AsyncIterator[Mapping[PartitionId, list[Stored]]]
    ) -> AsyncIterator[Mapping[PartitionId, list[Stored]]]:
        async for batch in batches:
            for where, records in batch.items():
                self.given.take(where, records)
            yield batch

    def read(self, starts: Mapping[PartitionId, int]) -> AsyncIterator[Mapping[PartitionId, list[Stored]]]:
        return self._noted(super().read(starts))


class CheckedLane(ClientSessionLane):
    """A lane that no session goes through which the brake holds, as far as the sweeper was told."""

    def __init__(self, client: Client, given: Given, cast: "Cast") -> None:
        super().__init__(client)
        self._given = given
        self._cast = cast

    async def end(self, where: PartitionId, session: str, cause: str) -> None:
        pulled_at = self._given.pulled_at
        if pulled_at is not None and pulled_at < self._cast.world.loop.now and session in self._given.silent:
            self._cast.fail(f"{session} is to be ended in {where}, though the brake is known to be pulled")
        await super().end(where, session, cause)


class Sweeper(User):
    """A process that sweeps; after a crash another one begins at the start of the logs."""

    def __init__(self, partition: "Partition", machine: Machine, cast: "Cast") -> None:
        super().__init__(partition, machine)
        self.cast = cast
        self.given = Given(cast)
        self.lag_s = self.random.choice((0.0, 0.0, 0.5, 3.0))
        self._lane = CheckedLane(self.client, self.given, cast)

    async def _live(self) -> None:
        world, me = self.world, Identity(TENANT, self.name)
        homes = [each for each in self.cast.everywhere() if each.where.kind == "nodes"]
        words = homes[0].vocabulary
        readers = [CommitReader(each.where, words, max_level=2) for each in homes]
        tail = GivenTail(world.broker, world.random, self.lag_s, PACE_S)
        tail.given = self.given
        partitions = [each.where for each in self.cast.everywhere()]
        await SweeperProcess(me, words, readers, tail, self._lane, self, partitions).run()

    def owed(self) -> list[object]:
        """What it must still do, the sessions show."""
        return []

    # ── what it tells ───────────────────────────────────────────────────────────────────────────────────────

    def swept(self, sweep: Sweep, partitions: int, after_s: float) -> None:
        self.world.trace(self.name, "swept", sweep.session, partitions, after_s)

    def mass_failure(self, pull: PullBrake, pulled: bool) -> None:
        self.world.trace(self.name, pull, "pulled" if pulled else "not pulled")

    def state(self, state: SweeperState) -> None:
        """Nobody wants to know."""

    def trouble(self, error: Exception) -> None:
        self.world.trace(self.name, repr(error))
