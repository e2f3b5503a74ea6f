"""What a window of locks counts, a tenant each; and one point of all partitions' rows."""

from collections.abc import Sequence
from typing import Self

from streams.projections.table import Row
from streams.projections.windows import percentiles
from streams.windows.sketch import Sketch, loads


class LockCounts:
    """What happened to one tenant's locks in one window."""

    __slots__ = ("grants", "holds", "refusals", "waits")

    def __init__(self) -> None:
        self.grants = 0
        self.refusals = 0
        self.waits = Sketch()
        self.holds = Sketch()

    def row(self) -> Row:
        """Return its columns of `LOCK_WINDOWS`."""
        return (self.grants, self.refusals, self.waits.dumps(), self.holds.dumps())

    @classmethod
    def of_row(cls, counted: Row) -> Self:
        """Return what `row` made these columns of."""
        counts = cls()
        counts.grants, counts.refusals = counted[:2]
        counts.waits, counts.holds = map(loads, counted[2:])
        return counts


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
    return (
        start_ms, tenant, grants, refusals, waits.count, *percentiles(waits), holds.count, *percentiles(holds),
    )  # fmt: skip
