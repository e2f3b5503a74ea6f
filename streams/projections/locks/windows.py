"""Tumbling windows of event time, a tenant each, of one partition; and one point of all partitions' rows.

Event time never goes back within a partition, so nothing comes late: a window is final as soon as a later commit is
seen. The general windows of `streams.windows` will have watermarks and lateness; these need neither.
"""

from collections.abc import Sequence
from typing import Final

from streams.projections.locks.tables import LOCK_WINDOWS
from streams.projections.sketch import Sketch, loads
from streams.projections.table import Changes, Row

WINDOW_MS: Final = 10_000


class Window:
    """What happened to one tenant's locks in one window."""

    __slots__ = ("changed_offset", "grants", "holds", "refusals", "stored", "touched", "waits")

    def __init__(self) -> None:
        self.grants = 0
        self.refusals = 0
        self.waits = Sketch()
        self.holds = Sketch()
        self.changed_offset = -1
        self.stored = False
        self.touched = False


class Windows:
    """The windows of one partition: one a tenant is open at a time."""

    __slots__ = ("_closed", "_open", "_partition", "_start_ms", "offset")

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._open: dict[str, Window] = {}
        self._closed: list[tuple[str, int, Window]] = []
        self._start_ms = 0
        self.offset = -1

    def restore(self, row: Row) -> None:
        """Take back an open window."""
        _, tenant, self._start_ms, grants, refusals, waits, holds, changed_offset, _ = row
        window = self._open[tenant] = Window()
        window.grants, window.refusals, window.changed_offset = grants, refusals, changed_offset
        window.waits, window.holds = loads(waits), loads(holds)
        window.stored = True

    def reach(self, offset: int, time_ms: int) -> None:
        """Move on to a commit; what it leaves behind is closed."""
        self.offset = offset
        if time_ms < self._start_ms + WINDOW_MS and self._open:
            return
        for tenant, window in self._open.items():
            window.changed_offset = offset
            self._closed.append((tenant, self._start_ms, window))
        self._open = {}
        self._start_ms = time_ms - time_ms % WINDOW_MS

    def of(self, tenant: str) -> Window:
        """Return the tenant's open window, to be changed."""
        window = self._open.get(tenant)
        if window is None:
            window = self._open[tenant] = Window()
        window.touched = True
        window.changed_offset = self.offset
        return window

    def take(self, changes: Changes) -> None:
        """Put the rows that changed into `changes`."""
        for tenant, start_ms, window in self._closed:
            self._put(changes, tenant, start_ms, window, closed=True)
        for tenant, window in self._open.items():
            if window.touched:
                self._put(changes, tenant, self._start_ms, window, closed=None)
                window.touched, window.stored = False, True
        self._closed = []

    def _put(
        self, changes: Changes, tenant: str, start_ms: int, window: Window, *, closed: bool | None
    ) -> None:
        waits, holds = window.waits.dumps(), window.holds.dumps()
        counted = (window.grants, window.refusals, waits, holds, window.changed_offset, closed)
        put = changes.upsert if window.stored else changes.insert
        put(LOCK_WINDOWS, (self._partition, tenant, start_ms, *counted))


def merged(rows: Sequence[Row]) -> Row:
    """Return the point (a row of `LOCK_POINTS`) of all partitions' rows of one tenant's window."""
    _, tenant, start_ms, *_ = rows[0]
    grants = refusals = 0
    waits, holds = Sketch(), Sketch()
    for _, _, _, granted, refused, waited, held, _, _ in rows:
        grants += granted
        refusals += refused
        waits.merge(loads(waited))
        holds.merge(loads(held))
    return (start_ms, tenant, grants, refusals, *_summary(waits), *_summary(holds))


def _summary(sketch: Sketch) -> Row:
    return (sketch.count, sketch.quantile(500), sketch.quantile(950), sketch.quantile(990))
