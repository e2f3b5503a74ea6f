"""Rows as text, for copies of a table that are looked up by key (`HotStore`). JSON, so that any language reads it."""

import json

from streams.projections.table import Key, Row, Table

TIME = "time_ms"
"""What the event time is found under at which a copy stands. Keys of rows are JSON lists: none is like it."""
_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


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
