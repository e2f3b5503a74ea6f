"""The read models of the chaos: tumbling windows by tenant, whose closed ones are summed up; and those that ship."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from streams.log.accepted import AcceptedCommit
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.projections.activity.projections import ACTIVITIES
from streams.projections.projection import Projection
from streams.projections.table import Changes, Row, Table

SIZE_MS: Final = 2000
OPEN_MS: Final = 20_000
"""How long a window stays after it began."""

WINDOWS: Final = Table("open", ("partition", "tenant", "start_ms", "count", "total"), key=3, restores=True)
TOTALS: Final = Table("closed", ("partition", "tenant", "windows", "count", "total"), key=2, restores=True)


class TumblingFold:
    """Counts decisions, and adds up their sequence numbers: so a loss and a double do not cancel out."""

    def __init__(self, where: PartitionId, _: Vocabulary) -> None:
        self._partition = where.partition
        self._windows: dict[tuple[str, int], tuple[int, int]] = {}
        self._totals: dict[str, tuple[int, int, int]] = {}
        self._changes = Changes()

    def restore(self, table: Table, rows: Iterable[Row]) -> None:
        if table is WINDOWS:
            self._windows = {(row[1], row[2]): (row[3], row[4]) for row in rows}
        else:
            self._totals = {row[1]: (row[2], row[3], row[4]) for row in rows}

    def commit(self, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
        start_ms = accepted.time_ms - accepted.time_ms % SIZE_MS
        touched: dict[tuple[str, int], tuple[int, int]] = {}
        for index, decision in enumerate(accepted.commit.decisions):
            if index not in without:
                key = (decision.key.partition("/")[0], start_ms)
                count, total = touched.get(key) or self._windows.get(key, (0, 0))
                touched[key] = (count + 1, total + decision.sequence)
        self._windows.update(touched)
        for (tenant, start), (count, total) in touched.items():
            self._changes.upsert(WINDOWS, (self._partition, tenant, start, count, total))
        self._close(accepted.time_ms - OPEN_MS)

    def take(self) -> Changes:
        changes, self._changes = self._changes, Changes()
        return changes

    def _close(self, upto_ms: int) -> None:
        for key in [key for key in self._windows if key[1] <= upto_ms]:
            count, total = self._windows.pop(key)
            tenant = key[0]
            windows, counted, totalled = self._totals.get(tenant, (0, 0, 0))
            self._totals[tenant] = (windows + 1, counted + count, totalled + total)
            self._changes.delete(WINDOWS, (self._partition, *key))
            self._changes.upsert(TOTALS, (self._partition, tenant, *self._totals[tenant]))


TUMBLING: Final = Projection(
    "tumbling", 1, "locks", (WINDOWS, TOTALS), TumblingFold, hot=WINDOWS, kept="table"
)

ACTIVITY: Final = replace(next(one for one in ACTIVITIES if one.kind == "locks"), idle_ms=None)
"""What is going on with locks. Its windows do not end by the clock here: one plain pass over the log knows none."""
KEPT: Final = (TUMBLING, ACTIVITY)
