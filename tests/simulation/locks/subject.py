"""Locks, as the histories use them."""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from streams.domain.locks.commands import AcquireLock
from streams.domain.locks.events import LockDowngraded
from streams.domain.locks.kind import LOCKS
from streams.log.positions import PartitionId
from streams.wire.keys import key_of
from streams.wire.murmur2 import partition_of
from tests.simulation.locks.clients import LockClient
from tests.simulation.locks.leases import LockBooks
from tests.simulation.locks.users import LockUser
from tests.simulation.network import TENANT
from tests.simulation.versions import Releases
from tests.simulation.worker import PARTITIONS

if TYPE_CHECKING:
    from tests.simulation.invariants import Judge
    from tests.simulation.partition import Partition

WHERE = PartitionId("locks", 0)
_PARTITION = {name: partition_of(key_of(TENANT, name), PARTITIONS) for name in map(str, range(40))}
NAMES = [name for name, partition in _PARTITION.items() if partition == WHERE.partition]
FOREIGN_NAME = next(name for name, partition in _PARTITION.items() if partition != WHERE.partition)
SHARE_OF_USERS = 0.3
"""In so many histories the real client library is at work, too."""
SHARE_OF_QUIET = 0.03
"""In so many a lease is held, and nothing else happens for seconds."""
RELEASES = Releases(LOCKS, LockDowngraded)


class LockSubject:
    """One to three locks."""

    where = WHERE
    releases = RELEASES
    harmless = frozenset({"NOT_HELD", "INTERNAL"})
    peace_s = 20.0
    hands = (LockUser,)
    ledger: LockBooks

    def __init__(self, *, alone: bool = True) -> None:
        """`alone`: nobody else brings users of locks."""
        self.alone = alone

    def names(self, random: Random) -> list[str]:
        """Return the names of the locks."""
        return NAMES[: random.randint(1, 3)]

    def stray(self) -> Any:
        """Return a command that belongs to another partition."""
        return AcquireLock(FOREIGN_NAME, "EXCLUSIVE", 1000)

    def books(self, judge: "Judge") -> LockBooks:
        """Open the books."""
        self.ledger = LockBooks(judge)
        return self.ledger

    def start(self, partition: "Partition") -> None:
        """Start clients, or clients and users of the library."""
        world, random = partition.world, partition.world.random
        if not self.alone:
            partition.start_clients(LockClient, random.randint(0, 1))
            return
        if random.random() < SHARE_OF_QUIET:
            world.quiet = True
            partition.start_clients(LockClient, 1)
        elif random.random() < SHARE_OF_USERS:
            partition.start_users(LockUser, random.randint(1, 2))
            partition.start_clients(LockClient, random.randint(0, 2))
        else:
            partition.start_clients(LockClient, random.randint(1, 4))

    def misfortunes(self, partition: "Partition") -> list[tuple[float, Callable[[], None]]]:
        """Nothing but what befalls every kind."""
        _ = partition
        return []

    def calm(self, partition: "Partition") -> None:
        """Leases end by themselves."""

    def owed(self, partition: "Partition") -> list[tuple[str, list[Any]]]:
        """Nothing but answers."""
        _ = partition
        return []
