"""The tables of the kind `caches`. `storage/postgres/migrations` has their SQL; a test holds the two together.

Times: `*_ms` is event time (append timestamp, ms since 1970). What lies ahead is lease time in the log (`*_lease_ms`);
where people read it, `expires_ms` and `until_ms` say when that will be by the clock of the commit that set it, if no
lease is stretched. `*_offset` is a log offset, `*_event` the number of an event in its partition.

Values are not in rows: their size and digest are, and which event brought them (docs/read-models.md says why).
`incarnation` names one life of one shard, in its partition for ever.
"""

from streams.projections.caches.windows import CacheCounts
from streams.projections.forgetting import Ended, Followed
from streams.projections.table import Table

CACHE_SHARDS = Table(
    "cache_shards",
    (
        "partition", "tenant", "cache", "shard",
        "incarnation", "version",
        "settings",           # JSON object, as `CacheSettings`
        "closing",            # deleted, but some client may not know it yet
        "entries", "bytes",   # with a value
        "modified", "exclusive", "shared",  # lines
        "listeners", "waiting", "filling", "changing",
        "created_offset", "created_ms",
        "changed_offset", "changed_ms",
    ),
    key=4,
    restores=True,
)  # fmt: skip
"""One row a shard."""

CACHE_ENTRIES = Table(
    "cache_entries",
    (
        "partition", "incarnation", "entry", "from_event",
        "tenant", "cache", "shard",
        "version",            # token of the event that began it
        "cause",              # see `reads.Beginning`
        "bytes", "digest",    # of the value; SHA-256, hexadecimal
        "value_event", "value_offset",  # which brought the value
        "tags",               # JSON list
        "ttl_ms",             # 0: none
        "expires_lease_ms", "expires_ms",  # or null
        "principal", "client",  # who brought it
        "from_offset", "from_ms",
        "to_event", "to_offset", "to_ms", "ended",  # see `reads.Ending`; null: it stands
    ),
    key=4,
    open_column="to_event",
    forgets=Ended(),
)  # fmt: skip
"""One row a value of an entry, from the event that brought it to the one that ended it. `to_event` null: it stands."""

CACHE_LINES = Table(
    "cache_lines",
    (
        "partition", "from_event", "attachment",
        "incarnation", "tenant", "cache", "entry",
        "version",            # of the value that it is of
        "token",
        "state",              # SHARED, EXCLUSIVE, MODIFIED
        "principal", "client", "session",
        "from_offset", "from_ms",
        "to_event", "to_offset", "to_ms", "ended",  # see `reads.LineEnding`; null: it stands
    ),
    key=3,
    open_column="to_event",
    forgets=Ended(),
)  # fmt: skip
"""One row a line of a client in one state. `to_event` null: it stands."""

CACHE_LISTENERS = Table(
    "cache_listeners",
    (
        "partition", "incarnation", "attachment",
        "principal", "client", "session",
        "expires_lease_ms", "expires_ms",  # of its read lease
        "posted", "acked",    # numbers of its latest call, and of the latest that it did
        "reset",              # told to join anew
        "gone",               # why it trusts nothing any more, while its lines are cleared; else null
        "joined_offset", "joined_ms",
        "changed_offset",
    ),
    key=3,
    restores=True,
)  # fmt: skip
"""One row a client that keeps lines of a shard."""

CACHE_PENDING = Table(
    "cache_pending",
    (
        "partition", "event",
        "incarnation",
        "what",               # READ, WRITE, DELETE: a command waits; FILL: it is loaded; CHANGE, TAG: under way
        "entry",              # TAG: the tag
        "purpose",            # of a change, see `events.Purpose`; else null
        "attachment",
        "principal", "client",
        "bytes", "digest",    # WRITE: of the value, else null
        "until_lease_ms", "until_ms",  # when it is over, or null
        "from_offset", "from_ms",
    ),
    key=2,
    restores=True,
)  # fmt: skip
"""One row for all that is under way or waits, by the event that began it."""

CACHE_HISTORY = Table(
    "cache_history",
    (
        "partition", "tenant", "cache", "shard", "offset_",
        "at_ms",
        "incarnation",
        "deleted",
        "settings",           # JSON, where it is not as in the row before; else null
        "version", "closing",
        "entries", "bytes", "modified", "exclusive", "shared", "listeners", "waiting", "filling", "changing",
    ),
    key=5,
    forgets=Followed(("tenant", "cache", "shard"), "at_ms", "offset_", carried="settings", ended=("deleted", True)),
)  # fmt: skip
"""One row a shard and commit that changed it: how it was from then on. At offset P: the latest row up to P."""

CACHE_WINDOWS = CacheCounts.measures.windows
"""Tumbling windows of 10 s of event time, a cache and a partition each: see `windows`. `closed` null: it is open.

`waits`: of each command that waited, how long.
"""

CACHE_POINTS = CacheCounts.measures.points
CACHE_GAUGES = CacheCounts.measures.gauge_points
"""Points of InfluxDB, not tables."""
