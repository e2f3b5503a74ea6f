"""Copies of read models in memory: hot rows and points, complete, for pure tests and single-process use."""

from collections.abc import Collection, Mapping, Sequence

from storage.refused import refuse
from streams.projections.hot import HotCopy, HotPlace
from streams.projections.ports import Copied, PointsRefused, RowRefused
from streams.projections.table import Key, Row, Table


class MemoryHotStore:
    """The newest rows of tables, by partition."""

    def __init__(self) -> None:
        self.copies: dict[HotCopy, tuple[int, dict[str, str]]] = {}
        self._logs: dict[HotCopy, str] = {}
        self._times: dict[HotCopy, int] = {}

    async def apply(
        self, copy: HotCopy, start: HotPlace, end: HotPlace, rows: Mapping[str, str | None], log: str = ""
    ) -> bool:
        """Move the copy from `start` to `end`, or answer False."""
        _, there = self.copies.get(copy, (None, {}))
        of = self._logs.get(copy, "")
        if self._place(copy) != start or (log and of not in ("", log)):
            return False
        self._logs[copy] = log or of
        there.update({key: row for key, row in rows.items() if row is not None})
        for key in [key for key, row in rows.items() if row is None]:
            there.pop(key, None)
        self._stands(copy, end, there)
        return True

    async def replace(self, copy: HotCopy, end: HotPlace, rows: Mapping[str, str], log: str = "") -> None:
        """Make `rows` the whole copy, unless it stands further on in the same log."""
        stands = self._place(copy)
        if stands is None or stands <= end or log not in ("", self._logs.get(copy, "")):
            self._stands(copy, end, dict(rows))
            self._logs[copy] = log

    async def get(self, asked: Mapping[HotCopy, Sequence[str]]) -> Mapping[HotCopy, Copied]:
        """Return where each copy stands and what it has under its keys."""
        return {copy: self._told(copy, keys) for copy, keys in asked.items()}

    def _place(self, copy: HotCopy) -> HotPlace | None:
        return HotPlace(self.copies[copy][0], self._times.get(copy, 0)) if copy in self.copies else None

    def _stands(self, copy: HotCopy, at: HotPlace, rows: dict[str, str]) -> None:
        self.copies[copy], self._times[copy] = (at.next_offset, rows), at.time_ms

    def _told(self, copy: HotCopy, keys: Sequence[str]) -> Copied:
        position, there = self.copies.get(copy, (None, {}))
        return Copied(position, {key: there[key] for key in keys if key in there})

    async def drop(self, copies: Collection[HotCopy]) -> None:
        """Forget these copies."""
        for copy in copies:
            self.copies.pop(copy, None)


class MemoryPointStore:
    """Points by (measurement, tags and time)."""

    def __init__(self) -> None:
        self.points: dict[Table, dict[Key, Row]] = {}

    async def write(self, table: Table, rows: Sequence[Row]) -> None:
        """Write one point a row."""
        refused, why = list[Row](), ""
        for row in rows:
            try:
                refuse(table, row, also=float)
            except RowRefused as error:
                refused, why = [*refused, row], str(error)
            else:
                self.points.setdefault(table, {})[table.key_of(row)] = row
        if refused:
            raise PointsRefused(refused, why)
