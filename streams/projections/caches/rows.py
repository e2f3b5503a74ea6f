"""Rows of the tables as the values of `streams.projections.caches.reads`. Pure: for every adapter."""

from collections.abc import Iterable
from dataclasses import fields
from itertools import groupby
from operator import itemgetter
from typing import Final

from streams.projections.caches.documents import settings_of, tags_of
from streams.projections.caches.reads import (
    Counts,
    LineRow,
    ListenerRow,
    PendingRow,
    ShardRow,
    ValueRow,
    WindowRow,
)
from streams.projections.caches.tables import CACHE_POINTS
from streams.projections.caches.windows import CacheCounts
from streams.projections.table import Row

_OF_WINDOW: Final = tuple(each.name for each in fields(WindowRow))
SHARD: Final = (
    "partition", "cache", "shard", "incarnation", "version", "settings", "closing", "entries", "bytes", "modified",
    "exclusive", "shared", "listeners", "waiting", "filling", "changing", "changed_offset", "changed_ms",
)  # fmt: skip
"""Columns of a shard, in the order of `shard_of`."""
VALUE: Final = (
    "partition", "cache", "shard", "incarnation", "entry", "version", "cause", "bytes", "digest", "value_event",
    "value_offset", "tags", "ttl_ms", "expires_lease_ms", "expires_ms", "principal", "client", "from_event",
    "from_offset", "from_ms", "to_offset", "to_ms", "ended",
)  # fmt: skip
LINE: Final = (
    "partition", "entry", "attachment", "version", "token", "state", "principal", "client", "session", "from_event",
    "from_offset", "from_ms", "to_offset", "to_ms", "ended",
)  # fmt: skip
PENDING: Final = (
    "what", "purpose", "attachment", "principal", "client", "bytes", "digest", "until_lease_ms", "until_ms", "from_ms",
)  # fmt: skip
LISTENER: Final = (
    "attachment", "principal", "client", "session", "expires_lease_ms", "expires_ms", "posted", "acked", "reset",
    "gone",
)  # fmt: skip
"""Of a listener, between its shard's `partition`, `cache`, `shard` and how many lines it has."""
_TAGS: Final = VALUE.index("tags")


def shard_of(row: Row) -> ShardRow:
    """Return a shard of its columns."""
    return ShardRow(*(*row[:5], settings_of(row[5]), row[6], Counts(*row[7:16]), *row[16:18]))


def value_of(row: Row) -> ValueRow:
    """Return a value of its columns."""
    return ValueRow(*(*row[:_TAGS], tags_of(row[_TAGS]), *row[_TAGS + 1 :]))


def line_of(row: Row) -> LineRow:
    """Return a line of its columns."""
    return LineRow(*row)


def pending_of(row: Row) -> PendingRow:
    """Return what is under way of its columns."""
    return PendingRow(*row)


def listener_of(row: Row) -> ListenerRow:
    """Return a listener of its shard's columns, its own, how many lines it has, and when it joined."""
    return ListenerRow(*row)


def windows_of(rows: Iterable[Row]) -> dict[str, list[WindowRow]]:
    """Return the windows of `CACHE_WINDOWS` rows, which are sorted by cache and start, over all partitions."""
    found: dict[str, list[WindowRow]] = {}
    for (cache, _), of_one in groupby(rows, itemgetter(2, 3)):
        point = dict(zip(CACHE_POINTS.columns, CacheCounts.merged(list(of_one)), strict=True))
        found.setdefault(cache, []).append(WindowRow(**{name: point[name] for name in _OF_WINDOW}))
    return found
