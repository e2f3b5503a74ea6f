"""What a window of queues measures, a queue each."""

from collections.abc import Iterable
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

    def lasted_since(self, what: str, now_ms: int, since: Iterable[int]) -> None:
        """Count how long ago each of `since` is. Those of a batch are mostly the same."""
        times: dict[int, int] = {}
        for each in since:
            times[each] = times.get(each, 0) + 1
        for each, count in times.items():
            self.lasted(what, now_ms - each, count)
