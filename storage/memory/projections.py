"""The sinks of `streams.projections.ports` in memory: complete, for pure tests and single-process use."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from storage.memory.rows import change, refuse_changes, restored
from streams.domain.value import value
from streams.log.checkpoint import START, Checkpoint
from streams.log.positions import PartitionId
from streams.log.release import RELEASE
from streams.ops.series import NAMES, OTHER
from streams.projections.builds import Build, first_of, found_in
from streams.projections.ports import (
    NAME_KEPT_MS,
    NOWHERE,
    CheckpointMoved,
    Forgotten,
    Loaded,
    Unpublished,
    require_own_version,
)
from streams.projections.projection import Points, Projection
from streams.projections.table import Changes, Key, Row, Table

MARK_EVERY = 4096
"""Offsets between two marks, about."""


@value
class StoredAt:
    """How far a build of a partition is."""

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
        self.tables: dict[str, dict[Table, None]] = {}
        """By read model the tables of all versions that wrote: they move together."""
        self.builds: dict[str, tuple[Build, ...]] = {}
        """By read model, if it has more than its first one."""
        self.beside: dict[tuple[str, int], dict[Table, dict[Key, Row]]] = {}
        """Rows of builds that are not live."""
        self.checkpoints: dict[tuple[str, int, PartitionId], StoredAt] = {}
        self.kept_from: dict[str, int] = {}
        """By the name of a table whose rows are forgotten, from which time on they are kept."""
        self.forgotten: dict[tuple[str, int], int] = {}
        """By the name of such a table and partition, the offset from which on all questions are answered."""

    async def load(self, projection: Projection, where: PartitionId) -> Loaded:
        """Return checkpoint and rows to restore."""
        checkpoint = self.checkpoint(projection, where)
        if checkpoint == START:
            return Loaded(START, {})
        needed = [table for table in projection.tables if table.restores or table.open_column is not None]
        rows = self.rows_of(projection)
        return Loaded(checkpoint, {table: restored(table, rows, where) for table in needed})

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
        build, rows = self.build(projection), self.rows_of(projection)
        self.tables.setdefault(projection.name, {}).update(dict.fromkeys(projection.tables))
        if expected == START:
            for table in projection.tables:
                self._forget(table, rows, where, published=build.live)
                if build.live and self._alone_of(reached, build, where):
                    self.forgotten.pop((table.name, where.partition), None)
            if any(mark.genesis != reached.genesis for mark in self.marks.get(where, {}).values()):
                del self.marks[where]  # of a log that was made anew
        for table in (*changes.inserted, *changes.put, *changes.closed):
            change(table, rows, changes)
        self.checkpoints[projection.name, build.number, where] = StoredAt(projection.version, reached)
        stretch = reached.next_offset // MARK_EVERY
        if expected == START or expected.next_offset // MARK_EVERY != stretch:
            self.marks.setdefault(where, {}).setdefault(stretch, reached)

    async def rehearse(
        self, projection: Projection, where: PartitionId, expected: Checkpoint, changes: Changes
    ) -> None:
        """Find out whether `write` would take the rows."""
        stored = self.checkpoint(projection, where)
        if (stored.next_offset, stored.head) != (expected.next_offset, expected.head):
            raise CheckpointMoved(projection.name, where, expected.next_offset, stored.next_offset)
        refuse_changes(changes, self.rows_of(projection), where, begins=expected == START)

    async def reset(self, projection: Projection) -> None:
        """Delete its rows and checkpoints."""
        build, rows = self.build(projection), self.rows_of(projection)
        raised_by = RELEASE if build.version < projection.version else None
        for table in projection.tables:
            rows.pop(table, None)
            for published in [at for at in self.published if at[0] == table and build.live]:
                del self.published[published]
            if table.forgets is not None and self._alone(projection):
                self.kept_from.pop(table.name, None)
                for place in [at for at in self.forgotten if at[0] == table.name]:
                    del self.forgotten[place]
        for at in self._places(build):
            del self.checkpoints[build.projection, build.number, at]
        self.builds[projection.name] = tuple(
            replace(each, version=projection.version, raised_by=each.raised_by or raised_by)
            if each.number == build.number
            else each
            for each in self.builds_of(projection)
        )

    async def positions(self, projection: Projection) -> Mapping[PartitionId, Checkpoint]:
        """Return how far each partition is."""
        build = self.build(projection)
        found = {at: self.checkpoints[build.projection, build.number, at] for at in self._places(build)}
        return {at: stored.checkpoint for at, stored in found.items() if stored.version == projection.version}

    async def of(self, projection: Projection) -> Sequence[Build]:
        """Return the builds there are: `streams.projections.builds.BuildList`."""
        return self.builds_of(projection)

    async def release(self, projection: Projection, where: PartitionId) -> None:
        """Do nothing: all is kept anyway."""

    def build(self, projection: Projection) -> Build:
        """Return the build that `projection` means. Raises `NoSuchBuild`."""
        return found_in(self.builds_of(projection), projection, projection.build)

    def builds_of(self, projection: Projection) -> tuple[Build, ...]:
        """Return the builds there are, each of the version of its checkpoints."""
        known = self.builds.get(projection.name) or (first_of(projection),)
        return tuple(
            replace(build, version=self.checkpoints[build.projection, build.number, places[0]].version)
            if (places := self._places(build))
            else build
            for build in known
        )

    def rows_of(self, projection: Projection) -> dict[Table, dict[Key, Row]]:
        """Return the rows of that build, among those of others if it is live."""
        build = self.build(projection)
        return self.rows if build.live else self.beside[build.projection, build.number]

    def _alone(self, projection: Projection) -> bool:
        """Say whether no other build may be promoted that has not what the live one has."""
        return all(each.live for each in self.builds_of(projection))

    def _alone_of(self, reached: Checkpoint, build: Build, where: PartitionId) -> bool:
        """Say whether no other build is of the same log there; of one made anew, the old one's places say nothing."""
        others = [one for one in self.builds.get(build.projection, ()) if one.number != build.number]
        stored = [self.checkpoints.get((each.projection, each.number, where)) for each in others]
        return all(each is None or each.checkpoint.genesis != reached.genesis for each in stored)

    def _places(self, build: Build) -> list[PartitionId]:
        return [at for *of, at in self.checkpoints if of == [build.projection, build.number]]

    def checkpoint(self, projection: Projection, where: PartitionId) -> Checkpoint:
        """Return how far a partition is; `START` if it has not begun. Raises `OfAnotherRelease`."""
        build = self.build(projection)
        require_own_version(projection, build.version)
        stored = self.checkpoints.get((projection.name, build.number, where))
        return START if stored is None else stored.checkpoint

    def _forget(
        self, table: Table, rows: dict[Table, dict[Key, Row]], where: PartitionId, *, published: bool
    ) -> None:
        mine = rows.get(table, {})
        for key in [key for key in mine if key[0] == where.partition]:
            del mine[key]
        if published:
            self.published.pop((table, where.partition), None)


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
        if windows in self._taken or self._store.build(projection).version != projection.version:
            yield None
            return
        self._taken.add(windows)
        try:
            yield MemoryTurn(self._store, projection, projection.points, self._series, self._names)
        finally:
            self._taken.discard(windows)

    async def forget(self, projection: Projection, before_ms: int, limit: int) -> Forgotten:
        """Delete up to `limit` closed windows that began before `before_ms`, published or not."""
        assert projection.points is not None, f"{projection.name} has no points"
        windows = projection.points.windows
        rows, columns = self._store.rows_of(projection).get(windows, {}), windows.columns
        start, closed, changed = map(columns.index, ("start_ms", "closed", "changed_offset"))
        gone = [key for key, row in rows.items() if row[start] < before_ms and row[closed]][:limit]
        unpublished = [
            key for key in gone if rows[key][changed] > self._store.published.get((windows, key[0]), -1)
        ]
        for key in gone:
            del rows[key]
        return Forgotten(len(gone), len(unpublished) if self._store.build(projection).live else 0)


class MemoryTurn:
    """The right to publish one read model's windows."""

    def __init__(
        self,
        store: MemoryProjectionStore,
        projection: Projection,
        points: Points,
        series: dict[tuple[str, str], dict[str, int]],
        names: int,
    ) -> None:
        self._store, self._projection = store, projection
        self._windows, self._bounded = points.windows, points.bounded
        self._series, self._names = series, names
        self._changed = self._windows.columns.index("changed_offset")

    async def unpublished(self, limit: int, beyond: Mapping[int, int] = NOWHERE) -> Unpublished:
        """Return about `limit` windows a partition that changed since, oldest change first."""
        require_own_version(self._projection, self._store.build(self._projection).version)
        rows = list(self._store.rows.get(self._windows, {}).values())
        fresh = [
            row
            for partition in {row[0] for row in rows}
            for row in self._fresh(rows, partition, limit, beyond.get(partition, -1))
        ]
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

    def _fresh(self, rows: Iterable[Row], partition: int, limit: int, beyond: int) -> list[Row]:
        at = self._store.checkpoint(self._projection, PartitionId(self._projection.kind, partition))
        after = self._store.published.get((self._windows, partition), -1)
        if after < beyond < at.next_offset:
            after = beyond
        mine = [row for row in rows if row[0] == partition and row[self._changed] > after]
        mine.sort(key=lambda row: int(row[self._changed]))
        last = mine[limit - 1][self._changed] if len(mine) > limit else None
        return [row for row in mine if last is None or row[self._changed] <= last]
