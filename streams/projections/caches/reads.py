"""What can be asked of the read models of caches. Adapters: `storage.postgres.reads_caches`, `storage.memory.caches`.

See `streams.projections.reads`. A cache is one to 64 shards, each of its own partition; an entry is in one of them.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from streams.domain.arguments import shard_name
from streams.domain.caches.commands import LineState
from streams.domain.caches.events import ListenerEnd, Purpose
from streams.domain.caches.settings import CacheSettings
from streams.domain.value import value
from streams.log.positions import PartitionId, Position
from streams.projections.reads import AsOf, AuditReads, Moment, ProjectedRow

KIND = "caches"
MAX_WINDOWS = 1_000
"""So many windows of one cache a read returns at most: the newest."""
SHOWN = 100
"""Lines, and commands that wait, of one entry that a read shows; counts tell of the rest."""
MAX_LINES = 1_000
"""Up to here the lines of a listener are counted for a read."""

Beginning: TypeAlias = Literal["WRITTEN", "FILLED", "WARMED", "WRITTEN_BACK"]
"""What brought a value."""
Ending: TypeAlias = Literal[
    "WRITTEN", "FILLED", "WARMED", "WRITTEN_BACK", "DELETED", "EVICTED", "TAG", "EXPIRED", "CLOSED"
]
"""What ended a value: the next one, or its removal; CLOSED: the cache was deleted."""
LineEnding: TypeAlias = Literal[
    "INVALIDATED", "OVERWRITTEN", "SHARED", "REPLACED", "WRITTEN_BACK", "DROPPED", "LISTENER_GONE", "LOST",
    "REMOVED", "CLOSED",
]  # fmt: skip
"""What ended a line in its state. INVALIDATED: it was called; OVERWRITTEN: by its own client's write; SHARED: somebody
else reads too; REPLACED: by a later grant; DROPPED: its client evicted it; LISTENER_GONE: its client trusts nothing any
more; LOST: likewise, or it was not written back, and it was Modified; REMOVED: the entry was; CLOSED: the cache was
deleted."""
Pending: TypeAlias = Literal["READ", "WRITE", "DELETE", "FILL", "CHANGE", "TAG"]


@value
class Counts:
    """What is in a shard, or a cache, in numbers."""

    entries: int = 0
    bytes: int = 0
    modified: int = 0
    exclusive: int = 0
    shared: int = 0
    listeners: int = 0
    """Clients that keep lines; one of several shards counts in each."""
    waiting: int = 0
    filling: int = 0
    changing: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.entries + other.entries,
            self.bytes + other.bytes,
            self.modified + other.modified,
            self.exclusive + other.exclusive,
            self.shared + other.shared,
            self.listeners + other.listeners,
            self.waiting + other.waiting,
            self.filling + other.filling,
            self.changing + other.changing,
        )


@value
class ShardRow:
    """One shard as a read model has it."""

    partition: int
    cache: str
    shard: int
    incarnation: int
    version: int
    settings: CacheSettings
    closing: bool
    counts: Counts
    changed_offset: int
    changed_ms: int

    @property
    def name(self) -> str:
        """By which it is placed."""
        return shard_name(self.cache, self.shard)

    @property
    def position(self) -> Position:
        """The commit that changed it last."""
        return Position(PartitionId(KIND, self.partition), self.changed_offset)


@value
class CacheRow:
    """One cache: its shards put together. Settings are those of its home, which is shard 0."""

    name: str
    shards: tuple[ShardRow, ...]
    """By number, the home first."""
    as_of: AsOf

    @property
    def home(self) -> ShardRow:
        """Shard 0; at a position, the first shard of that partition."""
        return self.shards[0]

    @property
    def counts(self) -> Counts:
        """Over all shards."""
        return sum([shard.counts for shard in self.shards], Counts())

    @property
    def closing(self) -> bool:
        """Whether it was deleted, and some client may not know it yet."""
        return any(shard.closing for shard in self.shards)


@value
class LineRow:
    """A line of one client, in one state."""

    partition: int
    entry: str
    attachment: int
    version: int
    """Of the value that it is of."""
    token: int
    state: LineState
    principal: str
    client: str
    session: str
    from_event: int
    from_offset: int
    from_ms: int
    to_offset: int | None
    to_ms: int | None
    ended: LineEnding | None
    """None: it stands, as of then."""

    @property
    def from_position(self) -> Position:
        """The commit that granted it."""
        return Position(PartitionId(KIND, self.partition), self.from_offset)

    @property
    def to_position(self) -> Position | None:
        """The commit that ended it, if one did."""
        return None if self.to_offset is None else Position(PartitionId(KIND, self.partition), self.to_offset)


@value
class ValueRow:
    """One value of an entry: size and digest, who brought it, from when to when it was the entry's."""

    partition: int
    cache: str
    shard: int
    incarnation: int
    entry: str
    version: int
    cause: Beginning
    bytes: int
    digest: str
    """SHA-256, hexadecimal."""
    value_event: int
    value_offset: int
    """The event that brought the bytes, and its commit: there the log has them."""
    tags: tuple[str, ...]
    ttl_ms: int
    expires_lease_ms: int | None
    expires_ms: int | None
    principal: str
    client: str
    from_event: int
    from_offset: int
    from_ms: int
    to_offset: int | None
    to_ms: int | None
    ended: Ending | None
    """None: it is the entry's value, as of then."""

    @property
    def from_position(self) -> Position:
        """The commit that brought it."""
        return Position(PartitionId(KIND, self.partition), self.from_offset)

    @property
    def to_position(self) -> Position | None:
        """The commit that ended it, if one did."""
        return None if self.to_offset is None else Position(PartitionId(KIND, self.partition), self.to_offset)


@value
class PendingRow:
    """What is under way, or waits."""

    what: Pending
    purpose: Purpose | None
    attachment: int
    principal: str
    client: str
    bytes: int | None
    digest: str | None
    until_lease_ms: int | None
    until_ms: int | None
    from_ms: int


@value
class EntryRow:
    """One entry as the directory had it: its value, its lines, and what is under way."""

    cache: str
    name: str
    found: ValueRow | None
    """None: it has no value."""
    lines: tuple[LineRow, ...]
    """The first `SHOWN`, oldest first."""
    sharers: int
    """How many lines there are."""
    pending: tuple[PendingRow, ...]
    """The first `SHOWN`, oldest first; of a past entry none."""
    as_of: AsOf

    @property
    def owner(self) -> LineRow | None:
        """The line of the one client that has it Exclusive or Modified, if one has."""
        return next((line for line in self.lines if line.state in ("EXCLUSIVE", "MODIFIED")), None)


@value
class ListenerRow:
    """One client that keeps lines of a shard."""

    partition: int
    cache: str
    shard: int
    attachment: int
    principal: str
    client: str
    session: str
    expires_lease_ms: int
    expires_ms: int
    posted: int
    """Number of its latest call."""
    acked: int
    """Number of the latest call that it did."""
    reset: bool
    """It is told to drop all and join anew."""
    gone: ListenerEnd | None
    """Why it trusts nothing any more, while its lines are cleared."""
    lines: int
    """Up to `MAX_LINES`."""
    joined_offset: int
    joined_ms: int


@value
class WindowRow:
    """Ten seconds of one cache, over all partitions; see `windows.COUNTERS`. Percentiles of nothing are None."""

    cache: str
    start_ms: int
    reads: int
    granted_exclusive: int
    granted_shared: int
    granted_modified: int
    uncached: int
    writes: int
    deletes: int
    write_backs: int
    fills: int
    fills_failed: int
    warmed: int
    invalidations: int
    recalls: int
    resets: int
    evicted: int
    expired: int
    tagged: int
    lost: int
    wait_p50_ms: float | None
    """How long a command waited that had to."""
    wait_p95_ms: float | None
    wait_p99_ms: float | None


@value
class CacheFilter:
    """Which caches a page shows. All that is given must hold."""

    name_prefix: str | None = None


@value
class EntryFilter:
    """Which entries a page shows. All that is given must hold."""

    name_prefix: str | None = None
    tag: str | None = None


class CacheReads(AuditReads, Protocol):
    """The read models of caches. Every method raises `ReadsUnavailable` and `ReadTooSlow`.

    Methods that list return one row more than `first` if there is one: then there is a next page. `after` is the key
    of the last row of the page before. What a method returns is of one snapshot.
    """

    async def projected(self) -> Sequence[ProjectedRow]:
        """Return how far each partition of each projection is; those without any record are missing."""

    async def caches(
        self, tenant: str, wanted: CacheFilter, first: int, after: str | None
    ) -> tuple[Sequence[CacheRow], AsOf]:
        """Return caches by name. One statement."""

    async def caches_by_name(self, tenant: str, names: Sequence[str]) -> Sequence[CacheRow | None]:
        """Return the caches of these names, in that order; None where there is none. One statement."""

    async def cache_at(self, tenant: str, name: str, at: Moment) -> CacheRow | None:
        """Return the cache as it was; None: there was none. `at` must be projected.

        At a position: only the shards of its partition.
        """

    async def entries(
        self, tenant: str, cache: str, wanted: EntryFilter, first: int, after: str | None
    ) -> tuple[Sequence[ValueRow], AsOf]:
        """Return the values that entries have, by the name of the entry."""

    async def entry(self, tenant: str, cache: str, name: str) -> EntryRow:
        """Return the entry as it is. One statement."""

    async def entry_at(self, tenant: str, cache: str, name: str, at: Moment) -> EntryRow:
        """Return the entry as it was, with its lines. `at` must be projected. One statement."""

    async def values(
        self, tenant: str, cache: str, name: str, first: int, after: tuple[int, int] | None
    ) -> tuple[Sequence[ValueRow], AsOf]:
        """Return the values that an entry has had, newest first. `after`: (time, event) of a value's beginning."""

    async def lines(
        self, tenant: str, cache: str, name: str, first: int, after: tuple[int, int, int] | None
    ) -> tuple[Sequence[LineRow], AsOf]:
        """Return the lines that clients have had of an entry, newest first. `after`: (time, event, attachment)."""

    async def listeners(
        self, tenant: str, cache: str, first: int, after: tuple[int, int] | None
    ) -> tuple[Sequence[ListenerRow], AsOf]:
        """Return the clients that keep lines. `after`: (shard, attachment)."""

    async def windows(
        self, tenant: str, caches: Sequence[str], from_ms: int, to_ms: int
    ) -> Mapping[str, Sequence[WindowRow]]:
        """Return by cache the windows that begin in this time, newest first. One statement.

        No more than `MAX_WINDOWS` before `to_ms`. A window in which nothing happened is missing.
        """
