"""Rows in InfluxDB's line protocol. What never changes of a table is escaped once, which a general writer cannot.

Format: docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol. The official client's `Point` says the same, and
a test compares them. It takes eight times the processor's time for points of queues (the median of 12 turns with 5,000
points each, one after the other): it escapes and sorts the names of all fields of every point anew.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import isfinite
from operator import itemgetter
from types import NoneType
from typing import Any, Final

from streams.domain.value import value
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
    names = [f",{_key(name)}=" for name in keys if name != TIME]
    fields = [f"{_key(name)}=" for name in table.columns[table.key :]]
    first, measurement = table.key, _key(table.name)
    templates: dict[tuple[type, ...], _Template | None] = {}

    @lru_cache(maxsize=65_536)
    def beginning(*tags: object) -> str:
        told = [
            f"{name}{_tag(each)}" for name, each in zip(names, tags, strict=True) if each not in (None, "")
        ]
        return f"{measurement}{''.join(told)} "

    def line(row: Row) -> str:
        told = row[first:]
        types = tuple(map(type, told))
        try:
            template = templates[types]
        except KeyError:
            template = templates[types] = _template(fields, types)
        if template is None or (template.floats and not isfinite(sum(template.floats(told)))):
            written = ",".join(
                [name + text for name, each in zip(fields, told, strict=True) if (text := _field(each))]
            )
        else:
            written = template.text % told
        return f"{beginning(*row[:time], *row[time + 1 : first])}{written} {row[time]}" if written else ""

    return line


@value
class _Template:
    """What writes the fields of a row at once."""

    text: str
    floats: Callable[[Row], tuple[float, ...]] | None
    """Gives its floats, the first one twice for there to be several. If their sum is finite, each of them is."""


_FORMATS: Final = {int: "%di", float: "%r"}
_NO_FIELD: Final = "%.0s"
"""Takes a value, and writes nothing."""


def _template(fields: Sequence[str], types: tuple[type, ...]) -> _Template | None:
    """Return what writes numbers and nulls of these types at once; None for others."""
    if not {*types} <= {int, float, NoneType}:
        return None
    parts, separator = [], ""
    for name, kind in zip(fields, types, strict=True):
        if kind is NoneType:
            parts.append(_NO_FIELD)
        else:
            parts.append(separator + name.replace("%", "%%") + _FORMATS[kind])
            separator = ","
    floats = [place for place, kind in enumerate(types) if kind is float]
    return _Template("".join(parts), itemgetter(*floats, floats[0]) if floats else None)


def _key(name: str) -> str:
    return name.translate(_IN_KEYS)


@lru_cache(maxsize=4096)
def _tag(each: object) -> str:
    """Return a tag's value. One that ends in a backslash would escape what follows: a space is put behind it."""
    text = str(each).translate(_IN_KEYS)
    return f"{text} " if text.endswith("\\") else text


def _field(each: Any) -> str:
    """Return a field's value; empty: it has none, as null and what is not a number."""
    match each:
        case None:
            return ""
        case bool():
            return "true" if each else "false"
        case int():
            return f"{each}i"
        case float():
            return repr(each) if isfinite(each) else ""
        case str():
            return f'"{each.translate(_IN_TEXT)}"'
        case _:
            raise ValueError(f"{type(each).__name__} is no value of a field")
