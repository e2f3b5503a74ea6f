"""What a window of queues measures, a queue each."""

from typing import ClassVar

from streams.projections.measures import Counts, Measures


class QueueCounts(Counts):
    """What happened in one queue, or its shards of one partition, in one window."""

    __slots__ = ()
    measures: ClassVar = Measures(
        kind="queue",
        tags=("tenant", "queue"),
        counters=(
            "commands", "rejected",  # of clients, as of a queue that is there
            "enqueued", "delivered",
            "retried",            # deliveries of messages that had been delivered before
            "acked",
            "returned",           # by consumers, or because they were withdrawn or their session ended
            "expired",            # leases
            "dead", "redriven", "purged",
        ),
        gauges=("ready", "delayed", "leased", "dead_letters", "moving", "bytes", "waiting", "oldest_ms"),
        sketches=("waits", "works"),
        least=frozenset({"oldest_ms"}),
    )  # fmt: skip
