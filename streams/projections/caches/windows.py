"""What a window of a cache counts; and one point of all partitions' rows."""

from collections.abc import Sequence
from typing import Final, Self

from streams.projections.caches.tables import CACHE_WINDOWS, COUNTERS
from streams.projections.table import Row
from streams.projections.windows import percentiles
from streams.windows.sketch import Sketch, loads

_FIRST: Final = CACHE_WINDOWS.key
_LAST: Final = CACHE_WINDOWS.columns.index("changed_offset")


class CacheCounts:
    """What happened in one cache, or its shards of one partition, in one window."""

    __slots__ = ("numbers", "waits")

    def __init__(self) -> None:
        self.numbers = dict.fromkeys(COUNTERS, 0)
        self.waits = Sketch()

    def row(self) -> Row:
        """Return its columns of `CACHE_WINDOWS`."""
        return (*self.numbers.values(), self.waits.dumps())

    @classmethod
    def of_row(cls, counted: Row) -> Self:
        """Return what `row` made these columns of."""
        counts = cls()
        *numbers, waits = counted
        counts.numbers = dict(zip(COUNTERS, numbers, strict=True))
        counts.waits = loads(waits)
        return counts

    def count(self, what: str, times: int = 1) -> None:
        """Count one of `COUNTERS`."""
        self.numbers[what] += times

    def add(self, other: "CacheCounts") -> None:
        """Count all that `other` counted."""
        for name, times in other.numbers.items():
            self.numbers[name] += times
        self.waits.merge(other.waits)


def merged(rows: Sequence[Row]) -> Row:
    """Return the point (a row of `CACHE_POINTS`) of all partitions' rows of one cache's window."""
    _, tenant, cache, start_ms, *_ = rows[0]
    counts = CacheCounts()
    for row in rows:
        counts.add(CacheCounts.of_row(tuple(row[_FIRST:_LAST])))
    return (start_ms, tenant, cache, *counts.numbers.values(), *percentiles(counts.waits))
