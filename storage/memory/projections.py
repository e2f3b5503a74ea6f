"""The sinks of `streams.projections.ports` in memory: complete, for pure tests and single-process use."""

from collections.abc import Iterable, Mapping, Sequence

from streams.domain.value import value
from streams.log.checkpoint import START, Checkpoint
from streams.log.positions import PartitionId
from streams.projections.ports import BuiltByNewer, CheckpointMoved, Loaded, RowRefused
from streams.projections.projection import Projection
from streams.projections.table import Changes, Key, Row, Table

_INT64 = 1 << 63


@value
class _Stored:
    version: int
    checkpoint: Checkpoint


class MemoryProjectionStore:
    """Rows and checkpoints of read models in dictionaries."""

    def __init__(self) -> None:
        self.rows: dict[Table, dict[Key, Row]] = {}
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
        stored = self._checkpoint(projection, where)
        if (stored.next_offset, stored.head) != (expected.next_offset, expected.head):
            raise CheckpointMoved(projection.name, where, expected.next_offset, stored.next_offset)
        self._refuse(changes, where, begins=expected == START)
        if expected == START:
            for table in projection.tables:
                self._forget(table, where)
        for table in (*changes.inserted, *changes.put):
            self._change(table, changes)
        self._checkpoints[projection.name, where] = _Stored(projection.version, reached)

    async def reset(self, projection: Projection) -> None:
        """Delete its rows and checkpoints."""
        for table in projection.tables:
            self.rows.pop(table, None)
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
        assert table.open_column is not None
        opened = table.columns.index(table.open_column)
        return [row for row in mine if row[opened] is None]

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

    def _change(self, table: Table, changes: Changes) -> None:
        rows = self.rows.setdefault(table, {})
        for key, row in changes.rows(table):
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row


def refuse(table: Table, row: Row) -> None:
    """Raise `RowRefused` for what no database takes: NUL, half a character, more than 64 bits."""
    for column, each in zip(table.columns, row, strict=True):
        problem = _problem(each)
        if problem:
            raise RowRefused(f"{table.name}.{column}: {problem}")


def _problem(each: object) -> str | None:
    match each:
        case str():
            if "\x00" in each:
                return "text with a NUL."
            return None if _encodes(each) else "text with half a surrogate pair."
        case bool() | None | bytes():
            return None
        case int():
            return None if -_INT64 <= each < _INT64 else f"{each} takes more than 64 bits."
        case tuple():
            return next((problem for one in each if (problem := _problem(one))), None)
        case _:
            return f"{type(each).__name__} is no value of a row."


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class MemoryHotStore:
    """The newest rows of tables, by partition."""

    def __init__(self) -> None:
        self.copies: dict[tuple[Table, PartitionId], tuple[int, dict[str, str]]] = {}

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

    async def replace(self, table: Table, where: PartitionId, end: int, rows: Mapping[str, str]) -> None:
        """Make `rows` the whole copy, unless it stands further on."""
        position, _ = self.copies.get((table, where), (-1, {}))
        if position <= end:
            self.copies[table, where] = (end, dict(rows))

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
            refuse(table, row)
        self.points.setdefault(table, {}).update(_by_key(table, rows))


def _by_key(table: Table, rows: Iterable[Row]) -> dict[Key, Row]:
    return {table.key_of(row): row for row in rows}
