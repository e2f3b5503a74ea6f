"""Nodes and services, as the histories use them: one subject a partition of theirs."""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from streams.domain.nodes.commands import DiscoverInstances
from streams.domain.nodes.events import InstanceUpdated
from streams.domain.nodes.kind import NODES
from streams.domain.nodes.names import SERVICE
from streams.log.positions import PartitionId
from streams.wire.keys import key_of
from streams.wire.murmur2 import partition_of
from tests.simulation.network import TENANT
from tests.simulation.nodes.books import NodeBooks
from tests.simulation.nodes.cast import Cast
from tests.simulation.users import User
from tests.simulation.versions import Releases
from tests.simulation.worker import PARTITIONS

if TYPE_CHECKING:
    from tests.simulation.invariants import Judge
    from tests.simulation.partition import Partition

HOMES = tuple(PartitionId("nodes", number) for number in range(PARTITIONS))
RELEASES = Releases(NODES, InstanceUpdated)


class NodeSubject:
    """One partition of nodes. The first one's subject directs the cast."""

    releases = RELEASES
    harmless = frozenset[str]()
    peace_s = 90.0
    hands: tuple[type[User], ...] = ()

    def __init__(self, where: PartitionId, cast: Cast) -> None:
        self.where = where
        self.cast = cast
        self._directs = where == HOMES[0]

    def names(self, random: Random) -> list[str]:
        """Return the names of all nodes."""
        _ = random
        return self.cast.names

    def stray(self) -> Any:
        """Return a command that belongs to another partition."""
        names = (f"{SERVICE}{i}" for i in range(40))
        foreign = next(
            n for n in names if partition_of(key_of(TENANT, n), PARTITIONS) != self.where.partition
        )
        return DiscoverInstances(foreign.removeprefix(SERVICE))

    def books(self, judge: "Judge") -> NodeBooks:
        """Open the books."""
        books = self.cast.books[self.where] = NodeBooks(judge, self.where, self.cast)
        return books

    def start(self, partition: "Partition") -> None:
        """Start nodes and sweepers."""
        if self._directs:
            self.cast.start(partition.world)

    def misfortunes(self, partition: "Partition") -> list[tuple[float, Callable[[], None]]]:
        """Nodes and sweepers die and come back."""
        if not self._directs:
            return []
        faults, cast = partition.world.faults, self.cast
        return [
            (cast.kills_a_second, cast.replace_node),
            (cast.freezes_a_second, cast.freeze_node),
            (faults.r_crash, cast.replace_sweeper),
        ]

    def calm(self, partition: "Partition") -> None:
        """See that everything can come to an end."""
        _ = partition
        if self._directs:
            self.cast.calm()

    def owed(self, partition: "Partition") -> list[tuple[str, list[Any]]]:
        """Return what of ended sessions is not swept."""
        _ = partition
        cast = self.cast
        if not self._directs:
            return []
        owed: list[tuple[str, list[Any]]] = [
            ("the sweeper", cast.unswept()),
            ("what is swept", cast.left()),
            ("discovery", cast.undiscovered()),
            ("who must remember", cast.forgotten()),
        ]
        return [(name, these) for name, these in owed if these]
