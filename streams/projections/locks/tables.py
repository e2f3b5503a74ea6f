"""The tables of the kind `locks`. `storage/postgres/migrations` has their SQL; a test holds the two together.

Times: `*_ms` is event time (append timestamp, ms since 1970), `*_lease_ms` the partition's lease clock. `*_offset` is
a log offset, `*_event` the number of an event in its partition.

A *spell* is one stretch in which one holder held, or one waiter waited, on unchanged terms: from the event that began
it to the event that ended it. A renewed lease is two spells under one token.
"""

from streams.projections.table import Table

LOCKS = Table(
    "locks",
    (
        "partition", "tenant", "name",
        "mode",               # EXCLUSIVE, SHARED; FREE while nobody holds but somebody waits, or a lock-delay runs
        "holder_count", "waiter_count",
        "delay_until_lease_ms",  # null: no lock-delay
        "token",              # the greatest granted and still held, or null
        "holders",            # JSON list, oldest first: see `holder_document`
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
        "principal", "client", "handle", "sequence",
        "token",              # of a waiter: its ticket
        "mode", "priority", "ttl_ms",
        "until_lease_ms",     # when the lease, or the wait, would end by itself
        "upgrade_of", "lock_delay_ms", "transaction_id", "transaction_started_ms",
        "from_offset", "from_ms",
        "spell",              # its place among the spells since the lock was last free, from 1
        "keyframe",           # on every 64th: `from_event` of all that are open after it began; else null
        "to_event", "to_offset", "to_ms",
        "ended",              # RELEASED, EXPIRED, RENEWED, UPGRADED, DOWNGRADED; GRANTED, TIMED_OUT, WITHDRAWN, ABORTED
    ),
    key=2,
    open_column="to_event",
)  # fmt: skip
"""One row a spell. At offset P those are open with `from_offset <= P` and `to_offset` null or above P.

To find them without looking at all: walk back from P to the latest row with a keyframe or with `spell` 1, at most
64 rows; whatever is open and older is in that keyframe.
"""

DEADLOCKS = Table(
    "deadlocks",
    (
        "partition", "event",
        "tenant", "name", "ticket", "transaction_id",  # of the victim
        "principal", "client", "handle", "sequence",
        "cycle",              # JSON list of edges, in order
        "offset_", "at_ms",
    ),
    key=2,
)  # fmt: skip
"""One row a deadlock that was broken."""

LOCK_WINDOWS = Table(
    "lock_windows",
    (
        "partition", "tenant", "start_ms",
        "grants", "refusals",
        "waits", "holds",     # JSON sketches of what ended in the window, ms
        "changed_offset",
        "closed",             # true; null while the partition's event time is inside it
    ),
    key=3,
    open_column="closed",
)  # fmt: skip
"""Tumbling windows of 10 s of event time, a tenant and a partition each."""

AUDIT = Table(
    "audit",
    (
        "partition", "offset_", "index_",
        "tenant", "name", "command",
        "principal", "client", "handle", "sequence", "lane",
        "accepted",           # false: refused
        "outcome",            # the reply's name, or the refusal's code
        "reason",             # the refusal's words, or null
        "events",             # their names, joined by commas
        "event",              # number of the first, or null
        "at_ms", "lease_ms",
    ),
    key=3,
)  # fmt: skip
"""One row a decision: who asked for what, when, and what became of it."""
