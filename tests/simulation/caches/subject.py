"""Caches, as the histories use them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from random import Random
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from streams.domain.arguments import shard_name
from streams.domain.caches.commands import ReadEntry
from streams.domain.caches.events import EntriesWarmed
from streams.domain.caches.kind import CACHES
from streams.log.positions import PartitionId
from streams.wire.keys import key_of
from streams.wire.murmur2 import partition_of
from tests.simulation.caches.books import CacheBooks
from tests.simulation.caches.users import Believed, CacheUser
from tests.simulation.network import TENANT
from tests.simulation.versions import Releases
from tests.simulation.worker import PARTITIONS
from tidelock.client.caches import administration
from tidelock.client.caches.terms import CacheOptions
from tidelock.workload.cache_journal import CacheJournal

if TYPE_CHECKING:
    from tests.simulation.invariants import Judge
    from tests.simulation.partition import Partition

WHERE = PartitionId("caches", 0)
MAX_SHARDS = 3
"""So many lie in this partition: who makes or removes a cache looks for no more."""
RELEASES = Releases(CACHES, EntriesWarmed)
ENTRIES = ("x", "y", "z")


def _lies_here(name: str, shards: int) -> bool:
    keys = [key_of(TENANT, shard_name(name, shard)) for shard in range(shards)]
    return all(partition_of(key, PARTITIONS) == WHERE.partition for key in keys)


NAME = next(name for name in map(str, range(100)) if _lies_here(name, MAX_SHARDS))
FOREIGN_NAME = next(name for name in map(str, range(40)) if not _lies_here(name, 1))


def few_shards() -> AbstractContextManager[object]:
    """Bound how many shards a cache may have."""
    return patch.object(administration, "MAX_SHARDS", MAX_SHARDS)


class CacheSubject:
    """One cache of one or two shards, of three entries."""

    where = WHERE
    releases = RELEASES
    harmless = frozenset({"INTERNAL", "CACHE_UNKNOWN", "NOT_LISTENING", "LINE_LOST", "FILL_LOST"})
    peace_s = 60.0
    hands = (CacheUser,)
    ledger: CacheBooks
    strict: bool
    shards: int
    options: CacheOptions
    quiet = False
    """The clients' lines were compared with the directory's, at rest."""

    def __init__(self, *, alone: bool = True) -> None:
        """`alone`: nobody else brings users of caches."""
        self.alone = alone
        self.journal = CacheJournal("one")
        self.users: list[CacheUser] = []

    def names(self, random: Random) -> list[str]:
        """Return the name of the cache, and draw how it behaves."""
        self.shards = random.choice((1, 1, 2))
        self.strict = random.random() < 0.85
        self.options = {
            "mode": "STRICT" if self.strict else "RELAXED",
            "write_policy": random.choice(("BACK", "BACK", "THROUGH")),
            "max_entries": random.choice((2, 1000)),
            "ttl": random.choice((0.0, 0.0, 0.5, 2.0)),
            "read_lease": random.choice((0.5, 1.5, 4.0)),
            "fill_lease": random.choice((0.3, 1.0)),
        }
        return [NAME]

    def stray(self) -> Any:
        """Return a command that belongs to another partition."""
        return ReadEntry(FOREIGN_NAME, 0, "x", 0, False, 0)

    def books(self, judge: "Judge") -> CacheBooks:
        """Open the books."""
        self.ledger = CacheBooks(judge, self)
        return self.ledger

    def start(self, partition: "Partition") -> None:
        """Start two to four clients."""
        for _ in range(partition.world.random.randint(2, 4) if self.alone else 0):
            self._start_user(partition)

    def _start_user(self, partition: "Partition") -> None:
        partition.start_user(CacheUser, f"u{len(partition.world.users)}", 2)

    def misfortunes(self, partition: "Partition") -> list[tuple[float, Callable[[], None]]]:
        """Clients die; another one begins."""
        rate = partition.world.faults.r_client_freeze / 2 if self.alone else 0.0
        return [(rate, lambda: self._replace(partition))]

    def _replace(self, partition: "Partition") -> None:
        partition.world.kill_one(CacheUser)
        if len(self.users) < 6:
            self._start_user(partition)

    def calm(self, partition: "Partition") -> None:
        """Everybody comes to rest, is compared, and leaves."""

    def owed(self, partition: "Partition") -> list[tuple[str, list[Any]]]:
        """Return what the directory and its clients do not agree on."""
        if self.quiet or not self.alone or not all(user.rests for user in self.alive()):
            return []
        differences = [each for user in self.alive() for each in self._differences(user, partition)]
        self.quiet = not differences
        return [("the directory", differences)] if differences else []

    def alive(self) -> list[CacheUser]:
        """Return the clients that are."""
        return [user for user in self.users if not user.process.dead]

    def believed(self, key: str, entry: str) -> list[Believed]:
        """Return the lines that clients would use now, frozen ones among them: they may wake."""
        return [found for user in self.alive() if (found := user.believes(key, entry)) is not None]

    def _differences(self, user: CacheUser, partition: "Partition") -> list[str]:
        found = list[str]()
        for shard, desk in enumerate(user.desks):
            state = partition.judge.tail.state.state_of(key_of(TENANT, shard_name(NAME, shard)))
            attachment = desk.listener.attachment
            now = user.clock.now()
            lines = {name: line for name, line in desk.lines.by_entry.items() if now < line.ends_s}
            has = {line.token: (name, line.state) for name, line in lines.items()}
            listener = state.listeners.get(attachment)
            known = {
                token: (name, state.entries[name].lines[attachment].state)
                for token, name in (listener.lines.items() if listener is not None else ())
            }
            if has.items() - known.items() or (has != known and not user.gave_up):
                found.append(f"{user.name} has {has} of shard {shard}, the directory {known}")
        return found
