"""What windows of a kind measure: counters, gauges and sketches, and the tables and points that follow from that.

A counter adds up over partitions and time. A gauge is how things stood at the end of the window, in one partition: it
adds up over partitions, each one's latest. A sketch is of durations, mergeable in any order.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any, ClassVar, Final, Self

from streams.domain.value import value
from streams.projections.table import Row, Table
from streams.windows.sketch import Sketch, loads

PERCENTILES: Final = {"p50": 500, "p95": 950, "p99": 990}


@value
class Measures:
    """What is measured of each key, in the order of the columns."""

    kind: str
    """Names the tables: `<kind>_windows`, and in InfluxDB `<kind>_points` and `<kind>_gauges`."""
    tags: tuple[str, ...]
    """The key of a window, but for partition and time."""
    counters: tuple[str, ...]
    gauges: tuple[str, ...]
    sketches: tuple[str, ...]
    """Plurals of what lasts: of `waits` the points have `waits`, how many, and `wait_p50_ms` ..."""
    least: frozenset[str] = frozenset()
    """Gauges of which the least of several shards counts, not the sum; null: none has one."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a window between its key and `changed_offset`."""
        return (*self.counters, *self.gauges, *self.sketches)

    @property
    def windows(self) -> Table:
        """The table of windows, of a partition each."""
        name, key = f"{self.kind}_windows", ("partition", *self.tags, "start_ms")
        columns = (*key, *self.columns, "changed_offset", "closed")
        return Table(name, columns, key=len(key), open_column="closed")

    @property
    def points(self) -> Table:
        """The measurement of counters and percentiles, over all partitions. Percentiles of nothing are null."""
        key = ("start_ms", *self.tags)
        lasting = [name for each in self.sketches for name in (each, *_percentiles(each))]
        return Table(f"{self.kind}_points", (*key, *self.counters, *lasting), key=len(key))

    @property
    def gauge_points(self) -> Table:
        """The measurement of gauges, a partition each: which of them stand still, those in the others cannot know."""
        key = ("start_ms", *self.tags, "partition")
        return Table(f"{self.kind}_gauges", (*key, *self.gauges), key=len(key))

    @property
    def percentiles(self) -> tuple[str, ...]:
        """The fields of `points` that cannot be added up."""
        return tuple(name for each in self.sketches for name in _percentiles(each))

    def together(self, gauges: Iterable[Row]) -> Row:
        """Return the gauges of several shards as one's."""
        columns: Iterable[tuple[Any, ...]] = zip(*gauges, strict=True)
        made = tuple(self._one(name, column) for name, column in zip(self.gauges, columns, strict=False))
        return made or self.nothing

    @property
    def nothing(self) -> Row:
        """The gauges of no shards."""
        return tuple(None if name in self.least else 0 for name in self.gauges)

    def _one(self, name: str, column: tuple[Any, ...]) -> Any:
        if name not in self.least:
            return sum(column)
        return min((each for each in column if each is not None), default=None)


def _percentiles(sketch: str) -> tuple[str, ...]:
    return tuple(f"{sketch.removesuffix('s')}_{name}_ms" for name in PERCENTILES)


class Counts:
    """What is counted in one window of one key; a kind's own says in `measures` what."""

    __slots__ = ("gauges", "numbers", "sketches")
    measures: ClassVar[Measures]

    def __init__(self) -> None:
        self.numbers = dict.fromkeys(self.measures.counters, 0)
        self.gauges: Row = self.measures.nothing
        self.sketches = {name: Sketch() for name in self.measures.sketches}

    def row(self) -> Row:
        """Return the columns of the window."""
        return (*self.numbers.values(), *self.gauges, *[each.dumps() for each in self.sketches.values()])

    @classmethod
    def of_row(cls, counted: Row) -> Self:
        """Return what `row` made these columns of."""
        counts, measures = cls(), cls.measures
        gauges = len(measures.counters)
        sketches = gauges + len(measures.gauges)
        counts.numbers = dict(zip(measures.counters, counted[:gauges], strict=True))
        counts.gauges = tuple(counted[gauges:sketches])
        counts.sketches = dict(zip(measures.sketches, map(loads, counted[sketches:]), strict=True))
        return counts

    def count(self, what: str, times: int = 1) -> None:
        """Count one of the counters."""
        self.numbers[what] += times

    def lasted(self, what: str, duration_ms: int, times: int = 1) -> None:
        """Count a duration in one of the sketches."""
        self.sketches[what].add(duration_ms, times)

    def add(self, other: "Counts") -> None:
        """Count all that `other` counted; gauges are no counts."""
        for name, times in other.numbers.items():
            self.numbers[name] += times
        for name, sketch in other.sketches.items():
            self.sketches[name].merge(sketch)

    @classmethod
    def merged(cls, rows: Sequence[Row]) -> Row:
        """Return the point (a row of `Measures.points`) of one window's rows: all partitions', all names' in it."""
        first, counts = cls.measures.windows.key, cls()
        for row in rows:
            counts.add(cls.of_row(tuple(row[first:-2])))
        lasting = [
            each for sketch in counts.sketches.values() for each in (sketch.count, *percentiles(sketch))
        ]
        _, *tags, start_ms = rows[0][:first]
        return (start_ms, *tags, *counts.numbers.values(), *lasting)

    @classmethod
    def standing(cls, rows: Sequence[Row]) -> list[Row]:
        """Return the gauges (rows of `Measures.gauge_points`) of one window's rows, a partition each."""
        first = cls.measures.windows.key + len(cls.measures.counters)
        last = first + len(cls.measures.gauges)
        found: dict[int, list[Row]] = {}
        for row in rows:
            found.setdefault(row[0], []).append(tuple(row[first:last]))
        _, *tags, start_ms = rows[0][: cls.measures.windows.key]
        return [
            (start_ms, *tags, partition, *cls.measures.together(gauges))
            for partition, gauges in found.items()
        ]


class Noted:
    """What one decision would count, noted down until it is clear that all of it fits."""

    __slots__ = ("_counted", "_lasted")

    def __init__(self) -> None:
        self._counted: list[tuple[str, int]] = []
        self._lasted: list[tuple[str, int, int]] = []

    def count(self, what: str, times: int = 1) -> None:
        """Count one of the counters."""
        self._counted.append((what, times))

    def lasted(self, what: str, duration_ms: int, times: int = 1) -> None:
        """Count a duration in one of the sketches."""
        self._lasted.append((what, duration_ms, times))

    def lasted_since(self, what: str, now_ms: int, since: Collection[int]) -> None:
        """Count how long ago each of `since` is. Those of a batch are mostly the same."""
        if len(since) == 1:
            (each,) = since
            self.lasted(what, now_ms - each)
            return
        for each, times in Counter(since).items():
            self.lasted(what, now_ms - each, times)

    def add_to(self, counts: Counts) -> None:
        """Count all of it."""
        numbers = counts.numbers
        for what, times in self._counted:
            numbers[what] += times
        for lasted in self._lasted:
            counts.lasted(*lasted)


def percentiles(sketch: Sketch) -> Row:
    """Return the percentiles of `PERCENTILES`; of nothing None."""
    return tuple(sketch.quantile(per_mille) for per_mille in PERCENTILES.values())
