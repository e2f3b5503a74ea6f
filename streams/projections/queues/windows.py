"""What a window of a queue counts; and one point of all partitions' rows."""

from collections.abc import Iterable, Sequence
from typing import Final, Self

from streams.projections.queues.tables import QUEUE_WINDOWS
from streams.projections.table import Row
from streams.projections.windows import percentiles
from streams.windows.sketch import Sketch, loads

_FIRST: Final = QUEUE_WINDOWS.key
_LAST: Final = QUEUE_WINDOWS.columns.index("changed_offset")


class QueueCounts:
    """What happened in one queue, or its shards of one partition, in one window."""

    __slots__ = (
        "acked",
        "dead",
        "delivered",
        "enqueued",
        "expired",
        "redriven",
        "returned",
        "waits",
        "works",
    )

    def __init__(self) -> None:
        self.enqueued = self.delivered = self.acked = self.returned = self.expired = 0
        self.dead = self.redriven = 0
        self.waits = Sketch()
        self.works = Sketch()

    def row(self) -> Row:
        """Return its columns of `QUEUE_WINDOWS`."""
        return (*self.numbers, self.waits.dumps(), self.works.dumps())

    @classmethod
    def of_row(cls, counted: Row) -> Self:
        """Return what `row` made these columns of."""
        counts = cls()
        (
            counts.enqueued, counts.delivered, counts.acked, counts.returned, counts.expired, counts.dead,
            counts.redriven, waits, works,
        ) = counted  # fmt: skip
        counts.waits, counts.works = loads(waits), loads(works)
        return counts

    @property
    def numbers(self) -> Row:
        """Return all but the sketches, in the order of the columns."""
        return (
            self.enqueued, self.delivered, self.acked, self.returned, self.expired, self.dead, self.redriven,
        )  # fmt: skip

    def add(self, other: "QueueCounts") -> None:
        """Count all that `other` counted."""
        self.enqueued += other.enqueued
        self.delivered += other.delivered
        self.acked += other.acked
        self.returned += other.returned
        self.expired += other.expired
        self.dead += other.dead
        self.redriven += other.redriven
        self.waits.merge(other.waits)
        self.works.merge(other.works)


def lasted(sketch: Sketch, now_ms: int, since: Iterable[int]) -> None:
    """Count how long ago each of `since` is. Those of a batch are mostly the same."""
    times: dict[int, int] = {}
    for each in since:
        times[each] = times.get(each, 0) + 1
    for each, count in times.items():
        sketch.add(now_ms - each, count)


def merged(rows: Sequence[Row]) -> Row:
    """Return the point (a row of `QUEUE_POINTS`) of all partitions' rows of one queue's window."""
    _, tenant, queue, start_ms, *_ = rows[0]
    counts = QueueCounts()
    for row in rows:
        counts.add(QueueCounts.of_row(tuple(row[_FIRST:_LAST])))
    return (
        start_ms, tenant, queue, *counts.numbers, *percentiles(counts.waits), *percentiles(counts.works),
    )  # fmt: skip
