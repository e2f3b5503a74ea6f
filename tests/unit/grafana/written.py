"""What the product writes to InfluxDB, as docs/metrics.md says it; and what a query reads."""

from __future__ import annotations

import re
from pathlib import Path

from streams.read_models import PROJECTIONS

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text("utf-8")
_ROW = re.compile(r"^\| `(\w+)` \|(.+)\|$", re.MULTILINE)
_NAME = re.compile(r"`(\w+)`")
_MEASUREMENTS = re.compile(r'r\._measurement (?:== "(\w+)"|=~ /\^\(([^)]*)\)(\w+)\$/|=~ /\^(\w+)\$/)')
_FIELDS = re.compile(r'r\._field == "(\w+)"')
_TAGS = re.compile(r"r\.([a-z]\w*) =~")


def measurements() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Return (tags, fields) of each measurement on the page."""
    found = {}
    for name, rest in _ROW.findall(PAGE):
        tags, *fields = [frozenset(_NAME.findall(cell)) for cell in rest.split("|")]
        if name.endswith(("_points", "_gauges")):
            found[name] = (tags, frozenset().union(*fields))
    return found


def of_kinds() -> frozenset[str]:
    return frozenset(series.table.name for one in PROJECTIONS if one.points for series in one.points.series)


def read_by(query: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Return the measurements, fields and tags that a query names."""
    named: set[str] = set()
    for one, _, pattern, other in _MEASUREMENTS.findall(query):
        named |= {one} if one else {name for name in of_kinds() if name.endswith(pattern or other)}
    return frozenset(named), frozenset(_FIELDS.findall(query)), frozenset(_TAGS.findall(query))


def unknown(query: str) -> set[str]:
    """Return what a query names that nobody writes; a query that names nothing is unknown altogether."""
    named, fields, tags = read_by(query)
    if not named or not fields:
        return {query}
    there = measurements()
    missing = {name for name in named if name not in there}
    for name in named - missing:
        had_tags, had_fields = there[name]
        missing |= {f"{name}.{field}" for field in fields - had_fields}
        missing |= {f"{name}.{tag}" for tag in tags - had_tags}
    return missing
