"""The tables of the kind `queues`. `storage/postgres/migrations` has their SQL; a test holds the two together.

Times: `*_ms` is event time (append timestamp, ms since 1970). What lies ahead is lease time in the log (`*_lease_ms`);
where people read it, `due_ms` says when that will be by the clock of the commit that set it, if no lease is stretched.
`*_offset` is a log offset, `event` the number of an event in its partition.

`incarnation` names one life of one shard, in its partition for ever: a queue that is made anew has another one.
"""

from typing import Final

from streams.projections.forgetting import Blocked, Followed
from streams.projections.queues.windows import QueueCounts
from streams.projections.table import Table

BLOCK: Final = 128
"""Message numbers of one row of `MESSAGE_HISTORY`."""
ALL: Final = -1
"""The block of rows about all that a subscription had."""

QUEUE_SHARDS = Table(
    "queue_shards",
    (
        "partition", "tenant", "queue", "shard",
        "incarnation", "version",
        "settings",           # JSON object, as `QueueSettings`
        "epoch", "shards", "previous",  # the route
        "paused", "broadcast",  # of the settings
        "messages", "bytes",  # what is kept once for all subscriptions
        "next_message",
        "ready", "delayed", "leased", "dead", "moving",  # over all subscriptions
        "waiting",            # consumers
        "created_offset", "created_ms",
        "changed_offset", "changed_ms",
    ),
    key=4,
    restores=True,
)  # fmt: skip
"""One row a shard."""

QUEUE_SUBSCRIPTIONS = Table(
    "queue_subscriptions",
    (
        "partition", "incarnation", "subscription",
        "ready", "delayed", "leased", "dead", "moving",
        "waiting",
        "changed_offset", "changed_ms",
    ),
    key=3,
    restores=True,
)  # fmt: skip
"""One row a subscription of a shard. A queue that is no broadcast has exactly one, whose name is empty."""

QUEUE_MESSAGES = Table(
    "queue_messages",
    (
        "partition", "incarnation", "number",
        "group_", "key", "priority", "dedup_id",
        "headers",            # JSON list of [name, value]
        "payload",
        "stray",
        "origin",             # JSON object, or null: see `documents.origin_document`
        "principal", "client",
        "enqueued_offset", "enqueued_ms",
    ),
    key=3,
)  # fmt: skip
"""One row a message that is there: what never changes of it. Nothing of it comes back to the fold."""

QUEUE_DELIVERIES = Table(
    "queue_deliveries",
    (
        "partition", "incarnation", "subscription", "number",
        "state",              # READY, DELAYED, LEASED, DEAD, MOVING
        "attempts",           # deliveries that count
        "size",               # payload bytes
        "enqueued_ms",
        "due_lease_ms", "due_ms",  # DELAYED: when it may be delivered; LEASED: when the lease ends; else null
        "token", "principal", "client", "handle",  # of whoever leases it, else null
        "reason",             # why it failed last, or null
        "target",             # MOVING: to this queue; else null
        "since_ms",           # when its state began
        "changed_offset",
    ),
    key=4,
    restores=True,
)  # fmt: skip
"""One row a message and subscription, as long as the subscription owes it. It is small: it is written often."""

MESSAGE_HISTORY = Table(
    "message_history",
    (
        "partition", "incarnation",
        "block",              # numbers // 128; -1: see below
        "event",
        "part",               # 0; of a row about one message of several, its number
        "tenant", "queue", "shard", "subscription",
        "what",               # see `steps.What`
        "first_", "last_",
        "numbers",            # which messages; null: all from first to last
        "attempts",           # of each, or one for all
        "due_lease_ms", "due_ms",  # likewise: when it may be delivered, or its lease ends; 0, null: nothing is due
        "token", "principal", "client", "handle",  # DELIVERED: the consumer; else who asked, empty: nobody
        "cause", "reason", "target",
        "origin",             # JSON, of a message that was moved here
        "offset_", "at_ms",
    ),
    key=5,
    forgets=Blocked(BLOCK, ALL, QUEUE_MESSAGES.name, "at_ms", "offset_"),
)  # fmt: skip
"""What happened to messages: a row an event and 128 numbers, so that a batch costs hardly more than one message.

Rows are only ever added. Those of message n: `block` is n // 128, n lies between `first_` and `last_`, and in
`numbers`. With `block` -1: the end of all that a subscription had then, whose least and greatest numbers are told;
it tells nothing of a message that has no row of its own, as that was forgotten.
"""

QUEUE_HISTORY = Table(
    "queue_history",
    (
        "partition", "tenant", "queue", "shard", "offset_",
        "at_ms",
        "incarnation",
        "deleted",
        "settings",           # JSON, where it is not as in the row before; else null
        "version", "epoch", "shards", "previous",
        "messages", "bytes", "ready", "delayed", "leased", "dead", "moving", "waiting",
    ),
    key=5,
    forgets=Followed(("tenant", "queue", "shard"), "at_ms", "offset_", carried="settings", ended=("deleted", True)),
)  # fmt: skip
"""One row a shard and commit that changed it: how it was from then on. At offset P: the latest row up to P."""

QUEUE_WINDOWS = QueueCounts.measures.windows
"""Tumbling windows of 10 s of event time, a queue and a partition each: see `windows`. `closed` null: it is open.

`waits`: of each delivery, how long the message had been ready; `works`: of each acknowledgement, how long leased.
`oldest_ms`: when the oldest message that is not dead was enqueued.
"""

QUEUE_POINTS = QueueCounts.measures.points
QUEUE_GAUGES = QueueCounts.measures.gauge_points
"""Points of InfluxDB, not tables."""
