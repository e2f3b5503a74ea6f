"""The tables of the kind `locks`. `storage/postgres/migrations` has their SQL; a test holds the two together.

Times: `*_ms` is event time (append timestamp, ms since 1970), `*_lease_ms` the partition's lease clock. `*_offset` is
a log offset, `*_event` the number of an event in its partition.

A *spell* is one stretch in which one holder held, or one waiter waited, on unchanged terms: from the event that began
it to the event that ended it. A renewed lease is two spells under one token.
"""

from streams.projections.forgetting import Happened, Keyframed
from streams.projections.locks.windows import LockCounts
from streams.projections.table import Table

LOCKS = Table(
    "locks",
    (
        "partition", "tenant", "name",
        "mode",               # EXCLUSIVE, SHARED; FREE while nobody holds but somebody waits, or a lock-delay runs
        "holder_count", "waiter_count",
        "delay_until_lease_ms",  # null: no lock-delay
        "token",              # the greatest granted and still held, or null
        "holders",            # JSON list, oldest first: see `documents.holder_document`
        "waiting",            # tickets, next in line first
        "spells",             # history rows since the lock was last free
        "since_ms",           # when it stopped being free
        "changed_offset", "changed_ms",
    ),
    key=3,
    restores=True,
)  # fmt: skip
"""One row a lock that is not free. A free lock is one that nobody knows."""

LOCK_WAITERS = Table(
    "lock_waiters",
    (
        "partition", "ticket",
        "tenant", "name", "principal", "client", "handle", "sequence",
        "mode", "priority", "ttl_ms", "wait_until_lease_ms", "upgrade_of",
        "transaction_id", "transaction_started_ms",
        "since_offset", "since_ms",
    ),
    key=2,
)  # fmt: skip
"""One row a waiter, as long as it waits. Its place in the queue is in `locks.waiting`."""

LOCK_HISTORY = Table(
    "lock_history",
    (
        "partition", "from_event",
        "tenant", "name",
        "role",               # HOLDER, WAITER
        "principal", "client", "handle",
        "sequence",           # of the acquire or upgrade that asked for it
        "token",              # of a waiter: its ticket
        "mode",
        "priority",           # of a waiter; of a holder null
        "ttl_ms",
        "until_lease_ms",     # when the lease, or the wait, would end by itself
        "upgrade_of",         # the token that the upgrade is to replace, or replaced; else null
        "lock_delay_ms",      # 0: none
        "transaction_id", "transaction_started_ms",  # null without a transaction
        "session",            # of the node that it acted for; '': none
        "from_offset", "from_ms",
        "spell",              # its place among the spells since the lock was last free, from 1
        "keyframe",           # on every 64th: `from_event` of all that are open after it began; else null
        "to_event", "to_offset", "to_ms",
        "ended",              # RELEASED, EXPIRED, RENEWED, UPGRADED, DOWNGRADED; GRANTED, TIMED_OUT, WITHDRAWN, ABORTED
    ),
    key=2,
    open_column="to_event",
    forgets=Keyframed(("tenant", "name"), lingers="lock_delay_ms"),
)  # fmt: skip
"""One row a spell. At offset P those are open with `from_offset <= P` and `to_offset` null or above P.

To find them without looking at all: walk back from P to the latest row with a keyframe or with `spell` 1, at most
64 rows; whatever is open and older is in that keyframe.
"""

DEADLOCKS = Table(
    "deadlocks",
    (
        "partition", "event",
        "tenant", "name", "ticket",
        "transaction_id",     # null if the victim's wait had none
        "principal", "client", "handle", "sequence",
        "cycle",              # JSON list of edges, in order: see `documents.edge_document`
        "offset_", "at_ms",
    ),
    key=2,
    forgets=Happened("at_ms", "offset_"),
)  # fmt: skip
"""One row a deadlock that was broken."""

LOCK_WINDOWS = LockCounts.measures.windows
"""Tumbling windows of 10 s of event time, a tenant and a partition each: see `windows`. `closed` null: it is open.

A hold is as long as from the grant to the release or expiry, whatever was renewed or upgraded in between.
"""

LOCK_POINTS = LockCounts.measures.points
LOCK_GAUGES = LockCounts.measures.gauge_points
"""Points of InfluxDB, not tables."""
