"""One shard as its fold keeps it, and back from its rows.

What stands is kept as the rows that tell of it: tuples of plain values, which cost the garbage collector nothing.
Values are not kept at all.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from streams.domain.value import value
from streams.projections.caches.tables import (
    CACHE_ENTRIES,
    CACHE_LINES,
    CACHE_LISTENERS,
    CACHE_PENDING,
    CACHE_SHARDS,
)
from streams.projections.causes import key_of_place
from streams.projections.table import Row, Table

ENTRY: Final = {name: index for index, name in enumerate(CACHE_ENTRIES.columns)}
LINE: Final = {name: index for index, name in enumerate(CACHE_LINES.columns)}
LISTENER: Final = {name: index for index, name in enumerate(CACHE_LISTENERS.columns)}
PENDING: Final = {name: index for index, name in enumerate(CACHE_PENDING.columns)}
COUNTED: Final = {
    "READ": "waiting",
    "WRITE": "waiting",
    "DELETE": "waiting",
    "FILL": "filling",
    "CHANGE": "changing",
}
"""Under which number of the shard each kind of row of `CACHE_PENDING` counts."""


@value
class Head:
    """What a shard is, but for its entries."""

    partition: int
    tenant: str
    cache: str
    shard: int
    incarnation: int
    version: int
    settings: str
    """JSON."""
    closing: bool
    created_offset: int
    created_ms: int

    @property
    def key(self) -> Row:
        """Return the key of its row of `CACHE_SHARDS`."""
        return (self.partition, self.tenant, self.cache, self.shard)


class Shard:
    """One shard. Only a draft changes one: in steps that it can take back."""

    __slots__ = (
        "bytes", "change_of", "changed_ms", "changed_offset", "changing", "deleted", "entries", "exclusive", "fill_of",
        "filling", "fills_of", "head", "held", "lines", "listeners", "modified", "of_entry", "pending", "shared",
        "waiting",
    )  # fmt: skip

    def __init__(self, head: Head | None = None) -> None:
        self.head = head
        """None: it is not there yet."""
        self.deleted = False
        self.bytes = self.modified = self.exclusive = self.shared = 0
        self.waiting = self.filling = self.changing = 0
        self.changed_offset = self.changed_ms = 0
        self.entries: dict[str, Row] = {}
        """Values that stand: rows of `CACHE_ENTRIES`."""
        self.lines: dict[int, Row] = {}
        """Lines that stand, by token: rows of `CACHE_LINES`."""
        self.of_entry: dict[str, dict[int, int]] = {}
        """Of each entry with lines, tokens by attachment."""
        self.listeners: dict[int, Row] = {}
        self.held: dict[int, int] = {}
        """How many lines each listener has."""
        self.pending: dict[int, Row] = {}
        """By event."""
        self.change_of: dict[str, int] = {}
        self.fill_of: dict[str, int] = {}
        self.fills_of: dict[int, dict[str, bool]] = {}
        """What each listener loads."""

    @property
    def counts(self) -> Row:
        """Return what is in it, in the order of the columns."""
        return (
            len(self.entries), self.bytes, self.modified, self.exclusive, self.shared, len(self.listeners),
            self.waiting, self.filling, self.changing,
        )  # fmt: skip

    @property
    def there(self) -> Head:
        """Return the head. Raises `LookupError` if the shard is not there."""
        if self.head is None:
            raise LookupError("there is no such cache")
        return self.head

    def row(self) -> Row:
        """Return its row of `CACHE_SHARDS`."""
        head = self.there
        return (
            *head.key, head.incarnation, head.version, head.settings, head.closing, *self.counts,
            head.created_offset, head.created_ms, self.changed_offset, self.changed_ms,
        )  # fmt: skip

    def history_row(self, *, with_settings: bool) -> Row:
        """Return its row of `CACHE_HISTORY` as of the commit that changed it last."""
        head = self.there
        return (
            *head.key, self.changed_offset, self.changed_ms, head.incarnation, self.deleted,
            head.settings if with_settings else None, head.version, head.closing, *self.counts,
        )  # fmt: skip


def restored(rows: Mapping[Table, Iterable[Row]]) -> dict[str, Shard]:
    """Return the shards of one partition by key (`tenant/name`), from their rows."""
    shards = {row[4]: _shard(row) for row in rows.get(CACHE_SHARDS, ())}
    for row in rows.get(CACHE_LISTENERS, ()):
        shards[row[1]].listeners[row[2]] = row
    for row in rows.get(CACHE_ENTRIES, ()):
        shard, name = shards[row[1]], row[2]
        head = shard.there
        # what all share is kept once
        shard.entries[name] = (*row[:4], head.tenant, head.cache, head.shard, *row[7:])
    for row in rows.get(CACHE_LINES, ()):
        _line(shards[row[LINE["incarnation"]]], row)
    for row in rows.get(CACHE_PENDING, ()):
        _pending(shards[row[PENDING["incarnation"]]], row)
    return {
        key_of_place(shard.there.tenant, shard.there.cache, shard.there.shard): shard
        for shard in shards.values()
    }


def _shard(row: Row) -> Shard:
    shard = Shard(Head(*row[:8], *row[17:19]))
    _, shard.bytes, shard.modified, shard.exclusive, shard.shared, _, *working = row[8:17]
    shard.waiting, shard.filling, shard.changing = working
    shard.changed_offset, shard.changed_ms = row[19:]
    return shard


def _line(shard: Shard, row: Row) -> None:
    attachment, token = row[LINE["attachment"]], row[LINE["token"]]
    shard.lines[token] = row
    shard.of_entry.setdefault(row[LINE["entry"]], {})[attachment] = token
    shard.held[attachment] = shard.held.get(attachment, 0) + 1


def _pending(shard: Shard, row: Row) -> None:
    event, name, what = row[PENDING["event"]], row[PENDING["entry"]], row[PENDING["what"]]
    shard.pending[event] = row
    if what == "CHANGE":
        shard.change_of[name] = event
    elif what == "FILL":
        shard.fill_of[name] = event
        shard.fills_of.setdefault(row[PENDING["attachment"]], {})[name] = True
