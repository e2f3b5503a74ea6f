"""`CacheReads` on PostgreSQL: one statement a question, so that it has one snapshot."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from storage.postgres import reads_caches_sql as sql
from storage.postgres.asking import MAX_LONG, above, moment
from storage.postgres.pool import Connections
from storage.postgres.reads_kind import PostgresReads
from streams.log.positions import Position
from streams.projections.caches.reads import (
    KIND,
    MAX_LINES,
    MAX_WINDOWS,
    CacheFilter,
    CacheRow,
    EntryFilter,
    EntryRow,
    LineRow,
    ListenerRow,
    ValueRow,
    WindowRow,
)
from streams.projections.caches.rows import (
    LINE,
    PENDING,
    VALUE,
    line_of,
    listener_of,
    pending_of,
    shard_of,
    value_of,
    windows_of,
)
from streams.projections.reads import AsOf, Moment
from streams.projections.windows import WINDOW_MS

CACHES: Final = "caches"
HISTORY: Final = "history of caches"
AUDIT: Final = "cache_audit"
_TO_OFFSET, _TO_MS = VALUE.index("to_offset"), VALUE.index("to_ms")


class PostgresCacheReads(PostgresReads):
    """Reads of caches."""

    def __init__(self, pool: Connections) -> None:
        super().__init__(pool, KIND, AUDIT)

    async def caches(
        self, tenant: str, wanted: CacheFilter, first: int, after: str | None
    ) -> tuple[Sequence[CacheRow], AsOf]:
        """Return caches by name."""
        given = {"tenant": tenant, "after": after or "", "limit": first + 1, **_prefix(wanted.name_prefix)}
        rows, when = await self._asking.listed(sql.caches(bool(wanted.name_prefix)), CACHES, given)
        return _caches(rows, when), when

    async def caches_by_name(self, tenant: str, names: Sequence[str]) -> Sequence[CacheRow | None]:
        """Return the caches of these names, in that order."""
        given = {"tenant": tenant, "names": list(names)}
        rows, when = await self._asking.listed(sql.NAMED, CACHES, given)
        found = {cache.name: cache for cache in _caches(rows, when) if not cache.home.shard}
        return [found.get(name) for name in names]

    async def cache_at(self, tenant: str, name: str, at: Moment) -> CacheRow | None:
        """Return the cache as it was."""
        statement = sql.AT_OFFSET if isinstance(at, Position) else sql.AT_TIME
        given = {"tenant": tenant, "cache": name, **moment(at)}
        rows, when = await self._asking.stood(statement, CACHES, given, HISTORY)
        shards = tuple([shard_of(row[:-1]) for row in rows])
        return CacheRow(name, shards, AsOf(when.stands, at)) if shards else None

    async def entries(
        self, tenant: str, cache: str, wanted: EntryFilter, first: int, after: str | None
    ) -> tuple[Sequence[ValueRow], AsOf]:
        """Return the values that entries have, by the name of the entry."""
        statement = sql.entries(bool(wanted.name_prefix), wanted.tag is not None)
        given = {
            "tenant": tenant, "cache": cache, "after": after or "", "limit": first + 1, "tag": wanted.tag,
            **_prefix(wanted.name_prefix),
        }  # fmt: skip
        rows, when = await self._asking.listed(statement, CACHES, given)
        return [value_of(row[:-1]) for row in rows], when

    async def entry(self, tenant: str, cache: str, name: str) -> EntryRow:
        """Return the entry as it is."""
        given = {"tenant": tenant, "cache": cache, "entry": name}
        ((*row, _),), when = await self._asking.listed(sql.ENTRY, CACHES, given)
        return _entry(cache, name, row, None, when)

    async def entry_at(self, tenant: str, cache: str, name: str, at: Moment) -> EntryRow:
        """Return the entry as it was."""
        statement = sql.ENTRY_AT_OFFSET if isinstance(at, Position) else sql.ENTRY_AT_TIME
        given = {"tenant": tenant, "cache": cache, "entry": name, **moment(at)}
        ((*row, _),), when = await self._asking.stood(statement, CACHES, given, HISTORY)
        return _entry(cache, name, row, at, AsOf(when.stands, at))

    async def values(
        self, tenant: str, cache: str, name: str, first: int, after: tuple[int, int] | None
    ) -> tuple[Sequence[ValueRow], AsOf]:
        """Return the values that an entry has had, newest first."""
        from_ms, event = after or (MAX_LONG, MAX_LONG)
        given = {
            "tenant": tenant, "cache": cache, "entry": name, "from_ms": from_ms, "event": event, "limit": first + 1,
        }  # fmt: skip
        rows, when = await self._asking.listed(sql.VALUES, CACHES, given)
        return [value_of(row[:-1]) for row in rows], when

    async def lines(
        self, tenant: str, cache: str, name: str, first: int, after: tuple[int, int, int] | None
    ) -> tuple[Sequence[LineRow], AsOf]:
        """Return the lines that clients have had of an entry, newest first."""
        from_ms, event, attachment = after or (MAX_LONG, MAX_LONG, MAX_LONG)
        given = {
            "tenant": tenant, "cache": cache, "entry": name, "from_ms": from_ms, "event": event,
            "attachment": attachment, "limit": first + 1,
        }  # fmt: skip
        rows, when = await self._asking.listed(sql.LINES, CACHES, given)
        return [line_of(row[:-1]) for row in rows], when

    async def listeners(
        self, tenant: str, cache: str, first: int, after: tuple[int, int] | None
    ) -> tuple[Sequence[ListenerRow], AsOf]:
        """Return the clients that keep lines, by shard and attachment."""
        shard, attachment = after or (-1, -1)
        given = {
            "tenant": tenant, "cache": cache, "shard": shard, "attachment": attachment, "limit": first + 1,
            "max_lines": MAX_LINES,
        }  # fmt: skip
        rows, when = await self._asking.listed(sql.LISTENERS, CACHES, given)
        return [listener_of(row[:-1]) for row in rows], when

    async def windows(
        self, tenant: str, caches: Sequence[str], from_ms: int, to_ms: int
    ) -> Mapping[str, Sequence[WindowRow]]:
        """Return by cache the windows that begin in this time, newest first."""
        from_ms = max(from_ms, to_ms - MAX_WINDOWS * WINDOW_MS)
        given = {"tenant": tenant, "caches": list(caches), "from_ms": from_ms, "to_ms": to_ms}
        return windows_of(await self._asking.rows(sql.WINDOWS, given))


def _prefix(prefix: str | None) -> dict[str, str]:
    return {"prefix": prefix, "below": above(prefix)} if prefix else {}


def _caches(rows: Iterable[Any], when: AsOf) -> list[CacheRow]:
    return [
        CacheRow(name, tuple([shard_of(row[:-1]) for row in shards]), when)
        for name, shards in groupby(rows, itemgetter(1))
    ]


def _entry(cache: str, name: str, row: Sequence[Any], at: Moment | None, when: AsOf) -> EntryRow:
    *latest, lines, sharers, pending = row
    found = value_of(tuple(latest)) if latest[0] is not None and _stood(latest, at) else None
    return EntryRow(
        cache,
        name,
        found,
        tuple([line_of(tuple([one[column] for column in LINE])) for one in json.loads(lines or "[]")]),
        sharers,
        tuple(
            [pending_of(tuple([one[column] for column in PENDING])) for one in json.loads(pending or "[]")]
        ),
        when,
    )


def _stood(latest: Sequence[Any], at: Moment | None) -> bool:
    """Say whether the latest value that had begun by then had not ended."""
    if latest[_TO_OFFSET] is None:
        return True
    if at is None:
        return False
    return bool(latest[_TO_OFFSET] > at.offset if isinstance(at, Position) else latest[_TO_MS] > at)
