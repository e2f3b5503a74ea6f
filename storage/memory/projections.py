"""The sinks of `streams.projections.ports` in memory: complete, for pure tests and single-process use."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from storage.refused import refuse
from streams.domain.value import value
from streams.log.checkpoint import START, Checkpoint
from streams.log.positions import PartitionId
from streams.projections.ports import (
    NAME_KEPT_MS,
    NAMES,
    OTHER,
    BuiltByNewer,
    CheckpointMoved,
    Forgotten,
    Loaded,
    RowRefused,
    Unpublished,
)
from streams.projections.projection import Points, Projection
from streams.projections.table import Changes, Key, Row, Table

MARK_EVERY = 4096
"""Offsets between two marks, about."""


@value
class _Stored:
    version: int
    checkpoint: Checkpoint


class MemoryProjectionStore:
    """Rows and checkpoints of read models in dictionaries."""

    def __init__(self) -> None:
        self.rows: dict[Table, dict[Key, Row]] = {}
        self.marks: dict[PartitionId, dict[int, Checkpoint]] = {}
        """By partition and stretch of the log, the first checkpoint reached in it."""
        self.published: dict[tuple[Table, int], int] = {}
        """By table and partition, the `changed_offset` up to which its rows are out."""
        self._checkpoints: dict[tuple[str, PartitionId], _Stored] = {}

    async def load(self, projection: Projection, where: PartitionId) -> Loaded:
        """Return checkpoint and rows to restore."""
        checkpoint = self._checkpoint(projection, where)
        if checkpoint == START:
            return Loaded(START, {})
        restored = [table for table in projection.tables if table.restores or table.open_column is not None]
        return Loaded(checkpoint, {table: self._restored(table, where) for table in restored})

    async def write(
        self,
        projection: Projection,
        where: PartitionId,
        expected: Checkpoint,
        reached: Checkpoint,
        changes: Changes,
    ) -> None:
        """Write rows and checkpoint, if the stored checkpoint is still `expected`."""
        await self.rehearse(projection, where, expected, changes)
        if expected == START:
            for table in projection.tables:
                self._forget(table, where)
            if any(mark.genesis != reached.genesis for mark in self.marks.get(where, {}).values()):
                del self.marks[where]  # of a log that was made anew
        for table in (*changes.inserted, *changes.put, *changes.closed):
            self._change(table, changes)
        self._checkpoints[projection.name, where] = _Stored(projection.version, reached)
        stretch = reached.next_offset // MARK_EVERY
        if expected == START or expected.next_offset // MARK_EVERY != stretch:
            self.marks.setdefault(where, {}).setdefault(stretch, reached)

    async def rehearse(
        self, projection: Projection, where: PartitionId, expected: Checkpoint, changes: Changes
    ) -> None:
        """Find out whether `write` would take the rows."""
        stored = self._checkpoint(projection, where)
        if (stored.next_offset, stored.head) != (expected.next_offset, expected.head):
            raise CheckpointMoved(projection.name, where, expected.next_offset, stored.next_offset)
        self._refuse(changes, where, begins=expected == START)

    async def reset(self, projection: Projection) -> None:
        """Delete its rows and checkpoints."""
        for table in projection.tables:
            self.rows.pop(table, None)
            for at in [at for at in self.published if at[0] == table]:
                del self.published[at]
        for name, where in list(self._checkpoints):
            if name == projection.name:
                del self._checkpoints[name, where]

    async def positions(self, projection: Projection) -> Mapping[PartitionId, Checkpoint]:
        """Return how far each partition is."""
        return {
            where: stored.checkpoint
            for (name, where), stored in self._checkpoints.items()
            if name == projection.name and stored.version == projection.version
        }

    async def release(self, projection: Projection, where: PartitionId) -> None:
        """Do nothing: all is kept anyway."""

    def _checkpoint(self, projection: Projection, where: PartitionId) -> Checkpoint:
        stored = self._checkpoints.get((projection.name, where))
        if stored is None:
            return START
        if stored.version > projection.version:
            raise BuiltByNewer(projection.name, stored.version, projection.version)
        return stored.checkpoint if stored.version == projection.version else START

    def _restored(self, table: Table, where: PartitionId) -> list[Row]:
        mine = [row for row in self.rows.get(table, {}).values() if row[0] == where.partition]
        if table.restores:
            return mine
        return [row for row in mine if row[table.opened] is None]

    def _refuse(self, changes: Changes, where: PartitionId, *, begins: bool) -> None:
        """Refuse, before anything is changed, what a database would."""
        for table, inserted in changes.inserted.items():
            stored = self.rows.get(table, {})
            for key, row in inserted.items():
                if key in stored and not (begins and key[0] == where.partition):
                    raise RowRefused(f"{table.name}: there is a row under {key} already.")
                refuse(table, row)
        for table, put in changes.put.items():
            for kept in put.values():
                if kept is not None:
                    refuse(table, kept)

    def _forget(self, table: Table, where: PartitionId) -> None:
        rows = self.rows.get(table, {})
        for key in [key for key in rows if key[0] == where.partition]:
            del rows[key]
        self.published.pop((table, where.partition), None)

    def _change(self, table: Table, changes: Changes) -> None:
        rows = self.rows.setdefault(table, {})
        for key, row in changes.onto(table, rows).items():
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row


class MemoryLogMarks:
    """The marks that writing to a `MemoryProjectionStore` left."""

    def __init__(self, store: MemoryProjectionStore) -> None:
        self._store = store

    async def marks(self, where: PartitionId) -> list[Checkpoint]:
        """Return all of a partition, in order."""
        return [mark for _, mark in sorted(self._store.marks.get(where, {}).items())]

    async def mark_before(self, where: PartitionId, offset: int) -> Checkpoint:
        """Return the latest from which reading on comes to the record at `offset`."""
        return max(
            (m for m in await self.marks(where) if m.next_offset <= offset), key=_offset, default=START
        )

    async def mark_before_time(self, where: PartitionId, time_ms: int) -> Checkpoint:
        """Return the latest from which reading on comes to every record of `time_ms` or later."""
        return max((m for m in await self.marks(where) if m.time_ms < time_ms), key=_offset, default=START)


def _offset(mark: Checkpoint) -> int:
    return mark.next_offset


class MemoryPublications:
    """What is left to publish of a `MemoryProjectionStore`."""

    def __init__(self, store: MemoryProjectionStore, names: int = NAMES) -> None:
        self._store = store
        self._names = names
        self._series: dict[tuple[str, str], dict[str, int]] = {}
        self._taken: set[Table] = set()

    @asynccontextmanager
    async def turn(self, projection: Projection) -> "AsyncIterator[MemoryTurn | None]":
        """Take the turn, or yield None if another has it."""
        assert projection.points is not None, f"{projection.name} has no points"
        windows = projection.points.windows
        if windows in self._taken:
            yield None
            return
        self._taken.add(windows)
        try:
            yield MemoryTurn(self._store, projection.points, self._series, self._names)
        finally:
            self._taken.discard(windows)

    async def forget(self, projection: Projection, before_ms: int, limit: int) -> Forgotten:
        """Delete up to `limit` closed windows that began before `before_ms`, published or not."""
        assert projection.points is not None, f"{projection.name} has no points"
        windows = projection.points.windows
        rows, columns = self._store.rows.get(windows, {}), windows.columns
        start, closed, changed = map(columns.index, ("start_ms", "closed", "changed_offset"))
        gone = [key for key, row in rows.items() if row[start] < before_ms and row[closed]][:limit]
        unpublished = [
            key for key in gone if rows[key][changed] > self._store.published.get((windows, key[0]), -1)
        ]
        for key in gone:
            del rows[key]
        return Forgotten(len(gone), len(unpublished))


class MemoryTurn:
    """The right to publish one read model's windows."""

    def __init__(
        self,
        store: MemoryProjectionStore,
        points: Points,
        series: dict[tuple[str, str], dict[str, int]],
        names: int,
    ) -> None:
        self._store = store
        self._windows, self._bounded = points.windows, points.bounded
        self._series, self._names = series, names
        self._changed = self._windows.columns.index("changed_offset")

    async def unpublished(self, limit: int) -> Unpublished:
        """Return about `limit` windows a partition that changed since, oldest change first."""
        rows = list(self._store.rows.get(self._windows, {}).values())
        fresh = [row for partition in {row[0] for row in rows} for row in self._fresh(rows, partition, limit)]
        reached: dict[int, int] = {}
        for row in fresh:
            reached[row[0]] = max(row[self._changed], reached.get(row[0], 0))
        self._admit(sorted((row[1 : self._windows.key] for row in fresh), key=lambda key: (key[-1], key)))
        touched = {self._told(row)[1 : self._windows.key] for row in fresh}
        whole = sorted(
            (told for row in rows if (told := self._told(row))[1 : self._windows.key] in touched),
            key=self._windows.key_of,
        )
        windows = tuple(
            tuple(row for row in whole if row[1 : self._windows.key] == window) for window in sorted(touched)
        )
        others = {row[1 : self._windows.key - 1] for row in fresh if self._told(row) != row}
        return Unpublished(windows, reached, len(others))

    def _admit(self, keys: Sequence[Row]) -> None:
        """Give names series as long as their tenant has some left."""
        if self._bounded is None or not keys:
            return
        newest = max(key[-1] for key in keys)
        for tenant, name, start_ms in keys:
            had = self._series.setdefault((self._windows.name, tenant), {})
            if name not in had:
                for old in [old for old, last_ms in had.items() if last_ms < newest - NAME_KEPT_MS]:
                    del had[old]
            if name in had or len(had) < self._names:
                had[name] = start_ms

    def _told(self, row: Row) -> Row:
        """Return a row under the name that has a series."""
        if self._bounded is None:
            return row
        place = self._windows.columns.index(self._bounded)
        if row[place] in self._series.get((self._windows.name, row[1]), {}):
            return row
        return (*row[:place], OTHER, *row[place + 1 :])

    async def published(self, what: Unpublished) -> None:
        """Move the marks: `what` is out."""
        for partition, changed in what.reached.items():
            self._store.published[self._windows, partition] = changed

    def _fresh(self, rows: Iterable[Row], partition: int, limit: int) -> list[Row]:
        after = self._store.published.get((self._windows, partition), -1)
        mine = [row for row in rows if row[0] == partition and row[self._changed] > after]
        mine.sort(key=lambda row: int(row[self._changed]))
        last = mine[limit - 1][self._changed] if len(mine) > limit else None
        return [row for row in mine if last is None or row[self._changed] <= last]


class MemoryHotStore:
    """The newest rows of tables, by partition."""

    def __init__(self) -> None:
        self.copies: dict[tuple[Table, PartitionId], tuple[int, dict[str, str]]] = {}
        self._logs: dict[tuple[Table, PartitionId], str] = {}

    async def apply(
        self, table: Table, where: PartitionId, start: int, end: int, rows: Mapping[str, str | None]
    ) -> bool:
        """Move the copy from offset `start` to `end`, or answer False."""
        position, copy = self.copies.get((table, where), (None, {}))
        if position != start:
            return False
        copy.update({key: row for key, row in rows.items() if row is not None})
        for key in [key for key, row in rows.items() if row is None]:
            copy.pop(key, None)
        self.copies[table, where] = (end, copy)
        return True

    async def replace(
        self, table: Table, where: PartitionId, end: int, rows: Mapping[str, str], log: str = ""
    ) -> None:
        """Make `rows` the whole copy, unless it stands further on in the same log."""
        position, _ = self.copies.get((table, where), (-1, {}))
        if position <= end or log not in ("", self._logs.get((table, where), "")):
            self.copies[table, where] = (end, dict(rows))
            self._logs[table, where] = log

    async def get(
        self, table: Table, where: PartitionId, keys: Sequence[str]
    ) -> tuple[int | None, dict[str, str]]:
        """Return where the copy stands (None: there is none) and what it has under `keys`."""
        position, copy = self.copies.get((table, where), (None, {}))
        return position, {key: copy[key] for key in keys if key in copy}


class MemoryPointStore:
    """Points by (measurement, tags and time)."""

    def __init__(self) -> None:
        self.points: dict[Table, dict[Key, Row]] = {}

    async def write(self, table: Table, rows: Sequence[Row]) -> None:
        """Write one point a row."""
        for row in rows:
            refuse(table, row, also=float)
        self.points.setdefault(table, {}).update(_by_key(table, rows))


def _by_key(table: Table, rows: Iterable[Row]) -> dict[Key, Row]:
    return {table.key_of(row): row for row in rows}
