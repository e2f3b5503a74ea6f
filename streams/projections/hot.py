"""Copies of tables that are looked up by key (`HotStore`): which one, and rows as text. JSON, so that any language
reads it.
"""

import json
from typing import NamedTuple

from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.projections.projection import Projection
from streams.projections.table import Key, Row, Table

TIME = "time_ms"
"""What the event time is found under at which a copy stands. Keys of rows are JSON lists: none is like it."""
_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@value
class HotCopy:
    """The newest rows of one table, of one version of its read model, of one partition.

    Rows of another version mean something else, or have other columns: theirs is another copy.
    """

    table: Table
    version: int
    where: PartitionId

    def __str__(self) -> str:
        return f"{self.table.name}@{self.version} {self.where}"


class HotPlace(NamedTuple):
    """Where a copy stands; of two the greater is further on."""

    next_offset: int
    time_ms: int = 0
    """Up to which time its windows are, which the clock moves on where nothing is committed."""


def hot_copy(projection: Projection, where: PartitionId) -> HotCopy:
    """Return the copy of a projection that has one. Raises `ValueError` if it has none."""
    if projection.hot is None:
        raise ValueError(f"{projection.name} has no hot copy")
    return HotCopy(projection.hot, projection.version, where)


def hot_key(key: Key) -> str:
    """Return what a row is found under: its key without the partition, as a JSON list."""
    return _ENCODE(key[1:])


def hot_row(row: Row) -> str:
    """Return a row as a JSON list in the order of its table's columns."""
    return _ENCODE(row)


def row_of(table: Table, text: str) -> Row:
    """Return what `hot_row` made. Raises `ValueError` if it is no row of `table`."""
    values = json.loads(text)
    if not isinstance(values, list) or len(values) != len(table.columns):
        raise ValueError(f"this is no row of {table.name}: {text[:80]!r}")
    return tuple([tuple(each) if isinstance(each, list) else each for each in values])
