"""A worker process with several partitions, composed as the product's."""

from collections.abc import Iterable, Mapping
from random import Random

from streams.engine.direct_lane import Connection
from streams.engine.owner import Owner
from streams.engine.roster import Access, Roster
from streams.engine.settings import OwnerSettings
from streams.engine.watch import Silent
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from tests.simulation.log import Broker, VirtualDeadLetters, VirtualPorts
from tests.simulation.loop import Process
from tests.simulation.network import IDENTITY, TOKEN, Network
from tests.simulation.worker import _QUIET, VirtualClock, VirtualEntropy


class Worker:
    """One process with an address, which owns what it is told to."""

    def __init__(
        self,
        broker: Broker,
        network: Network,
        name: str,
        address: str,
        partitions: int,
        vocabulary: Vocabulary,
        random: Random,
    ) -> None:
        self.name = name
        self.address = address
        self.process = Process(broker.loop, name)
        self.process.on_death = self._died
        self.ports: list[VirtualPorts] = []
        self._broker = broker
        self._network = network
        self._vocabulary = vocabulary
        self._settings = OwnerSettings(address=address, partitions=partitions)
        self._clock = VirtualClock(broker.loop, random.randint(0, 10**9), 0)
        self._entropy = VirtualEntropy(random)
        self._letters = VirtualDeadLetters(broker)
        access = Access(TOKEN, IDENTITY)
        self.roster = Roster(name, address, {"locks": vocabulary}, partitions, access, 4096, self._clock)
        self.roster.owner_factory = self._own
        self.roster._log = _QUIET

    def serve(self) -> Connection:
        """Take a connection."""
        return Connection(self.roster)

    def assigned(self, mine: Iterable[PartitionId], routes: Mapping[PartitionId, str]) -> None:
        """Hear from the group who owns what."""
        if not self.process.dead:
            self.process.spawn(self.roster.assigned(frozenset(mine), routes))

    def _own(self, where: PartitionId) -> Owner:
        ports = VirtualPorts(self._broker, where, self.process, self._letters, lambda _: None)
        self.ports.append(ports)
        return Owner(
            where, self._vocabulary, ports, self._clock, self._entropy, self._settings, self.roster, Silent()
        )

    def _died(self) -> None:
        for ports in self.ports:
            ports.abandon()
        self._network.died(self.process)
