"""Tables and what changes in them: the one language between folds and sinks.

A row is a tuple in the order of its table's columns; its first `key` values are its primary key. Sinks know nothing
of locks: a table's name, columns and key are all they need.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, TypeAlias

from streams.domain.value import value
from streams.projections.forgetting import Forgets

Row: TypeAlias = tuple[Any, ...]
"""Values are str, int, bool, bytes, None, tuples of int, and JSON as text."""
Key: TypeAlias = tuple[Any, ...]
Where: TypeAlias = tuple[tuple[str, Any], ...]
"""Columns and their values; `partition` is the first."""


@value
class Table:
    """One table of a read model. Its first column is always `partition`."""

    name: str
    columns: tuple[str, ...] = field(hash=False)  # the name is enough: a table is looked up with every row
    key: int = field(hash=False)
    """How many leading columns are the primary key."""
    open_column: str | None = field(default=None, hash=False)
    """Rows whose `open_column` is null come back to the fold after a restart; see `restores`."""
    restores: bool = field(default=False, hash=False)
    """True: all rows of the partition come back to the fold after a restart."""
    aged: str | None = field(default=None, hash=False)
    """The column that tells the time of rows which stand for themselves: no fold, no other row needs them later. They
    are only added, and may be forgotten by their age. The time follows from the key."""
    forgets: Forgets | None = field(default=None, hash=False)
    """How rows of a history go that answer nothing any more; None: they stay."""

    @property
    def opened(self) -> int:
        """Index of `open_column`. Raises `ValueError` if there is none."""
        return self.columns.index(self.open_column or "")

    def key_of(self, row: Row) -> Key:
        """Return the primary key of `row`."""
        return row[: self.key]


class Changes:
    """The row changes of one stretch of log; of several to one row, the last counts."""

    __slots__ = ("closed", "inserted", "put")

    def __init__(self) -> None:
        self.inserted: dict[Table, dict[Key, Row]] = {}
        """Rows under keys that have no row now, so that a sink may copy them in."""
        self.put: dict[Table, dict[Key, Row | None]] = {}
        """Rows to be inserted or replaced; None: to be deleted if there."""
        self.closed: dict[Table, dict[Where, Row]] = {}
        """Where rows are open still, after all the other changes: what their columns from `open_column` on become."""

    def insert(self, table: Table, row: Row) -> None:
        """Add a row under a key that has none."""
        key, put = table.key_of(row), self.put.get(table)
        if put is not None and key in put:
            put[key] = row
        else:
            self.inserted.setdefault(table, {})[key] = row

    def upsert(self, table: Table, row: Row) -> None:
        """Add a row or replace the one under its key."""
        key, fresh = table.key_of(row), self.inserted.get(table)
        if fresh is not None and key in fresh:
            fresh[key] = row
        else:
            self.put.setdefault(table, {})[key] = row

    def delete(self, table: Table, key: Key) -> None:
        """Remove the row under `key`, if there is one."""
        fresh = self.inserted.get(table)
        if fresh is not None and key in fresh:
            del fresh[key]
        else:
            self.put.setdefault(table, {})[key] = None

    def close(self, table: Table, where: Where, end: Row) -> None:
        """Close all open rows that have these values, however many: `end` are the columns from `open_column` on.

        No such row may be opened afterwards.
        """
        self.closed.setdefault(table, {})[where] = end

    def rows(self, table: Table) -> Iterator[tuple[Key, Row | None]]:
        """Yield every (key, row or None for deleted) of `table`."""
        empty: Mapping[Key, Row | None] = {}
        yield from self.inserted.get(table, empty).items()
        yield from self.put.get(table, empty).items()

    def onto(self, table: Table, stored: Mapping[Key, Row]) -> dict[Key, Row | None]:
        """Return all rows of `table` that change (None: deleted), of those that are `stored` and others."""
        changed = dict(self.rows(table))
        for where, end in self.closed.get(table, {}).items():
            wanted, opened = [(table.columns.index(column), each) for column, each in where], table.opened
            for key, row in {**stored, **changed}.items():
                if row and row[opened] is None and all(row[index] == each for index, each in wanted):
                    changed[key] = row[:opened] + end
        return changed

    def without(self, table: Table, column: int, least: int) -> "Changes":
        """Return all changes but for the rows of `table` whose `column` is less than `least`."""
        left = Changes()
        left.inserted, left.put, left.closed = dict(self.inserted), dict(self.put), self.closed
        inserted, put = self.inserted.get(table, {}), self.put.get(table, {})
        left.inserted[table] = {key: row for key, row in inserted.items() if row[column] >= least}
        left.put[table] = {key: row for key, row in put.items() if row is None or row[column] >= least}
        return left

    def __bool__(self) -> bool:
        return any(self.inserted.values()) or any(self.put.values()) or any(self.closed.values())
