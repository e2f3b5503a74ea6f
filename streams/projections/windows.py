"""Tumbling windows of event time, one a key and partition.

Event time never goes back within a partition, so nothing comes late: a window is final as soon as a later commit is
seen. A table of windows has the columns `partition`, key, `start_ms`, what was counted, `changed_offset`, `closed`.
"""

from collections.abc import Iterable
from typing import Final, Generic, Protocol, TypeVar

from streams.projections.measures import Counts
from streams.projections.table import Changes, Row, Table

WINDOW_MS: Final = 10_000

C = TypeVar("C", bound=Counts)


class Standing(Protocol):
    """How things stand now, as a fold keeps them."""

    def gauges(self, key: Row) -> Row:
        """Return the gauges of a key."""

    def always(self) -> Iterable[Row]:
        """Return the keys that have a window whether anything happens to them or not: few, as tenants are."""


class _Window(Generic[C]):
    __slots__ = ("changed_offset", "counted", "stored", "touched")

    def __init__(self, counted: C, changed_offset: int = -1, *, stored: bool = False) -> None:
        self.counted = counted
        self.changed_offset = changed_offset
        self.stored = stored
        self.touched = False


class Windows(Generic[C]):
    """The windows of one partition: one a key is open at a time."""

    __slots__ = (
        "_closed",
        "_counted",
        "_counting",
        "_open",
        "_partition",
        "_standing",
        "_start_ms",
        "_table",
        "offset",
    )

    def __init__(self, partition: int, table: Table, counted: type[C], standing: Standing) -> None:
        self._partition, self._table, self._counted, self._standing = partition, table, counted, standing
        self._open: dict[Row, _Window[C]] = {}
        self._closed: list[tuple[Row, int, _Window[C]]] = []
        self._counting: dict[Row, C] = {}
        """What was asked for since the last commit, or take, began."""
        self._start_ms = 0
        self.offset = -1

    def restore(self, row: Row) -> None:
        """Take back an open window."""
        key = self._table.key
        self._start_ms = row[key - 1]
        counted = self._counted.of_row(tuple(row[key:-2]))
        self._open[tuple(row[1 : key - 1])] = _Window(counted, row[-2], stored=True)

    def reach(self, offset: int, time_ms: int) -> None:
        """Move on to a commit, before anything of it is folded; what it leaves behind is closed."""
        self.offset, self._counting = offset, {}
        if time_ms < self._start_ms + WINDOW_MS and self._open:
            return
        for key, window in self._open.items():
            window.changed_offset = offset
            window.counted.gauges = self._standing.gauges(key)
            self._closed.append((key, self._start_ms, window))
        self._open = {}
        self._start_ms = time_ms - time_ms % WINDOW_MS
        for key in self._standing.always():
            self.of(*key)

    def of(self, *key: str) -> C:
        """Return the open window of a key, to be changed; also if only how it stands changes."""
        counted = self._counting.get(key)
        if counted is None:
            counted = self._counting[key] = self._touched(key)
        return counted

    def _touched(self, key: Row) -> C:
        window = self._open.get(key)
        if window is None:
            window = self._open[key] = _Window(self._counted())
        window.touched = True
        window.changed_offset = self.offset
        return window.counted

    def take(self, changes: Changes) -> None:
        """Put the rows that changed into `changes`."""
        for key, start_ms, window in self._closed:
            self._put(changes, key, start_ms, window, closed=True)
        for key, window in self._open.items():
            if window.touched:
                window.counted.gauges = self._standing.gauges(key)
                self._put(changes, key, self._start_ms, window, closed=None)
                window.touched, window.stored = False, True
        self._closed, self._counting = [], {}

    def _put(
        self, changes: Changes, key: Row, start_ms: int, window: _Window[C], *, closed: bool | None
    ) -> None:
        counted = window.counted.row()
        put = changes.upsert if window.stored else changes.insert
        put(self._table, (self._partition, *key, start_ms, *counted, window.changed_offset, closed))
