"""Rows in InfluxDB's line protocol. What never changes of a table is escaped once, which a general writer cannot.

Format: docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol. The official client's `Point` says the same; a
test compares them. It takes five times as long: it escapes and sorts the names of all fields of every point anew.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any, Final

from streams.projections.table import Row, Table

TIME: Final = "start_ms"
"""The key column that is a point's time, in ms since 1970."""
_IN_KEYS: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\n", "\t": r"\t", "\r": r"\r"})
_IN_TEXT: Final = str.maketrans({'"': r"\"", "\\": r"\\"})


def lines_of(table: Table, rows: Sequence[Row]) -> list[str]:
    """Return a line a row, but for rows whose fields are all null."""
    written = writer(table)
    return [line for row in rows if (line := written(row))]


@lru_cache(maxsize=64)
def writer(table: Table) -> Callable[[Row], str]:
    """Return what makes a line of a row of `table`; empty if all its fields are null."""
    keys = table.columns[: table.key]
    time = keys.index(TIME)
    tags = [(place, f",{_key(name)}=") for place, name in enumerate(keys) if place != time]
    fields = [f"{_key(name)}=" for name in table.columns[table.key :]]
    first, measurement = table.key, _key(table.name)

    def line(row: Row) -> str:
        told = [
            f"{name}{each}i" if type(each) is int else f"{name}{_field(each)}"
            for name, each in zip(fields, row[first:], strict=True)
            if each is not None and each == each  # noqa: PLR0124 - not a number is no value
        ]
        if not told:
            return ""
        named = "".join([f"{name}{_tag(row[place])}" for place, name in tags if row[place] not in (None, "")])
        return f"{measurement}{named} {','.join(told)} {row[time]}"

    return line


def _key(name: str) -> str:
    return name.translate(_IN_KEYS)


@lru_cache(maxsize=4096)
def _tag(each: object) -> str:
    """Return a tag's value. One that ends in a backslash would escape what follows: a space is put behind it."""
    text = str(each).translate(_IN_KEYS)
    return f"{text} " if text.endswith("\\") else text


def _field(each: Any) -> str:
    match each:
        case bool():
            return "true" if each else "false"
        case float():
            if not isfinite(each):
                raise ValueError(f"{each} is no value of a field")
            return repr(each).removesuffix(".0")
        case str():
            return f'"{each.translate(_IN_TEXT)}"'
        case _:
            raise ValueError(f"{type(each).__name__} is no value of a field")
