"""`CacheReads` over a `MemoryProjectionStore`: for pure tests and single-process use. It looks at all rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from storage.memory.projections import MemoryProjectionStore
from storage.memory.reads import MemoryReads, by_then
from streams.projections.caches.documents import tags_of
from streams.projections.caches.projections import AUDIT, CACHES
from streams.projections.caches.reads import (
    MAX_LINES,
    MAX_WINDOWS,
    SHOWN,
    CacheFilter,
    CacheRow,
    EntryFilter,
    EntryRow,
    LineRow,
    ListenerRow,
    PendingRow,
    ValueRow,
    WindowRow,
)
from streams.projections.caches.rows import (
    LINE,
    LISTENER,
    PENDING,
    SHARD,
    VALUE,
    line_of,
    listener_of,
    pending_of,
    shard_of,
    value_of,
    windows_of,
)
from streams.projections.caches.tables import (
    CACHE_ENTRIES,
    CACHE_HISTORY,
    CACHE_LINES,
    CACHE_LISTENERS,
    CACHE_PENDING,
    CACHE_SHARDS,
    CACHE_WINDOWS,
)
from streams.projections.reads import AsOf, Moment
from streams.projections.table import Row
from streams.projections.windows import WINDOW_MS

_Named = Mapping[str, Any]


class MemoryCacheReads(MemoryReads):
    """Reads of caches."""

    def __init__(self, store: MemoryProjectionStore) -> None:
        super().__init__(store, CACHES, AUDIT)

    async def caches(
        self, tenant: str, wanted: CacheFilter, first: int, after: str | None
    ) -> tuple[Sequence[CacheRow], AsOf]:
        """Return caches by name."""
        rows = self._rows(CACHE_SHARDS)
        names = sorted({row["cache"] for row in rows if row["tenant"] == tenant and not row["shard"]})
        names = [name for name in names if name > (after or "") and name.startswith(wanted.name_prefix or "")]
        when = await self._as_of()
        return [found for name in names[: first + 1] if (found := self._cache(tenant, name, when))], when

    async def caches_by_name(self, tenant: str, names: Sequence[str]) -> Sequence[CacheRow | None]:
        """Return the caches of these names, in that order."""
        when = await self._as_of()
        return [self._cache(tenant, name, when) for name in names]

    async def cache_at(self, tenant: str, name: str, at: Moment) -> CacheRow | None:
        """Return the cache as it was."""
        self._kept("history of caches", at, CACHE_HISTORY)
        latest: dict[int, dict[str, Any]] = {}
        settings: dict[int, str] = {}
        for row in sorted(self._rows(CACHE_HISTORY), key=lambda row: (row["offset_"], row["at_ms"])):
            if (row["tenant"], row["cache"]) == (tenant, name) and by_then(row, at):
                latest[row["shard"]] = row
                settings[row["shard"]] = row["settings"] or settings.get(row["shard"], "")
        shards = [
            shard_of(_told(SHARD, row | {
                "settings": settings[number], "changed_offset": row["offset_"], "changed_ms": row["at_ms"],
            }))
            for number, row in sorted(latest.items())
            if not row["deleted"]
        ]  # fmt: skip
        when = await self._as_of()
        return CacheRow(name, tuple(shards), AsOf(when.stands, at)) if shards else None

    async def entries(
        self, tenant: str, cache: str, wanted: EntryFilter, first: int, after: str | None
    ) -> tuple[Sequence[ValueRow], AsOf]:
        """Return the values that entries have, by the name of the entry."""
        found = [
            value_of(_told(VALUE, row))
            for row in self._rows(CACHE_ENTRIES)
            if (row["tenant"], row["cache"]) == (tenant, cache)
            and row["to_event"] is None
            and row["entry"] > (after or "")
            and row["entry"].startswith(wanted.name_prefix or "")
            and (wanted.tag is None or wanted.tag in tags_of(row["tags"]))
        ]
        return sorted(found, key=lambda each: each.entry)[: first + 1], await self._as_of()

    async def entry(self, tenant: str, cache: str, name: str) -> EntryRow:
        """Return the entry as it is."""
        return self._entry(tenant, cache, name, None, await self._as_of())

    async def entry_at(self, tenant: str, cache: str, name: str, at: Moment) -> EntryRow:
        """Return the entry as it was."""
        self._kept("history of caches", at, CACHE_ENTRIES, CACHE_LINES)
        return self._entry(tenant, cache, name, at, AsOf((await self._as_of()).stands, at))

    async def values(
        self, tenant: str, cache: str, name: str, first: int, after: tuple[int, int] | None
    ) -> tuple[Sequence[ValueRow], AsOf]:
        """Return the values that an entry has had, newest first."""
        found = [value_of(_told(VALUE, row)) for row in self._values(tenant, cache, name)]
        found = [each for each in found if after is None or (each.from_ms, each.from_event) < after]
        found.sort(key=lambda each: (-each.from_ms, -each.from_event))
        return found[: first + 1], await self._as_of()

    async def lines(
        self, tenant: str, cache: str, name: str, first: int, after: tuple[int, int, int] | None
    ) -> tuple[Sequence[LineRow], AsOf]:
        """Return the lines that clients have had of an entry, newest first."""

        def key(line: LineRow) -> tuple[int, int, int]:
            return line.from_ms, line.from_event, line.attachment

        found = [
            line_of(_told(LINE, row))
            for row in self._rows(CACHE_LINES)
            if (row["tenant"], row["cache"], row["entry"]) == (tenant, cache, name)
        ]
        found = sorted([each for each in found if after is None or key(each) < after], key=key, reverse=True)
        return found[: first + 1], await self._as_of()

    async def listeners(
        self, tenant: str, cache: str, first: int, after: tuple[int, int] | None
    ) -> tuple[Sequence[ListenerRow], AsOf]:
        """Return the clients that keep lines, by shard and attachment."""
        lives = {(shard["partition"], shard["incarnation"]): shard for shard in self._shards(tenant, cache)}
        found = [
            self._listener(lives[row["partition"], row["incarnation"]], row)
            for row in self._rows(CACHE_LISTENERS)
            if (row["partition"], row["incarnation"]) in lives
        ]
        found.sort(key=lambda each: (each.shard, each.attachment))
        page = [each for each in found if after is None or (each.shard, each.attachment) > after]
        return page[: first + 1], await self._as_of()

    async def windows(
        self, tenant: str, caches: Sequence[str], from_ms: int, to_ms: int
    ) -> Mapping[str, Sequence[WindowRow]]:
        """Return by cache the windows that begin in this time, newest first."""
        from_ms = max(from_ms, to_ms - MAX_WINDOWS * WINDOW_MS)
        found = [
            row
            for row in self._store.rows.get(CACHE_WINDOWS, {}).values()
            if row[1] == tenant and row[2] in caches and from_ms <= row[3] < to_ms
        ]
        return windows_of(sorted(found, key=lambda row: (row[2], -row[3], row[0])))

    def _shards(self, tenant: str, cache: str) -> list[dict[str, Any]]:
        found = [row for row in self._rows(CACHE_SHARDS) if (row["tenant"], row["cache"]) == (tenant, cache)]
        return sorted(found, key=lambda row: int(row["shard"]))

    def _cache(self, tenant: str, name: str, when: AsOf) -> CacheRow | None:
        rows = self._shards(tenant, name)
        if not rows or rows[0]["shard"]:
            return None
        return CacheRow(name, tuple([shard_of(_told(SHARD, row)) for row in rows]), when)

    def _values(self, tenant: str, cache: str, name: str) -> list[dict[str, Any]]:
        return [
            row
            for row in self._rows(CACHE_ENTRIES)
            if (row["tenant"], row["cache"], row["entry"]) == (tenant, cache, name)
        ]

    def _entry(self, tenant: str, cache: str, name: str, at: Moment | None, when: AsOf) -> EntryRow:
        begun = [row for row in self._values(tenant, cache, name) if _began(row, at)]
        latest = max(begun, key=lambda row: (row["from_ms"], row["from_event"]), default=None)
        stands = latest is not None and _stood(latest, at)
        lines = [] if latest is None else self._lines(latest, at)
        pending = self._pending(tenant, cache, name) if at is None else []
        return EntryRow(
            cache,
            name,
            value_of(_told(VALUE, latest)) if latest is not None and stands else None,
            tuple(lines[:SHOWN]),
            len(lines),
            tuple(pending[:SHOWN]),
            when,
        )

    def _lines(self, of: _Named, at: Moment | None) -> list[LineRow]:
        same = ("partition", "incarnation", "entry", "version")
        found = [
            line_of(_told(LINE, row))
            for row in self._rows(CACHE_LINES)
            if all(row[each] == of[each] for each in same) and _began(row, at) and _stood(row, at)
        ]
        return sorted(found, key=lambda line: (line.from_event, line.attachment))

    def _pending(self, tenant: str, cache: str, name: str) -> list[PendingRow]:
        lives = {(shard["partition"], shard["incarnation"]) for shard in self._shards(tenant, cache)}
        found = [
            row
            for row in self._rows(CACHE_PENDING)
            if (row["partition"], row["incarnation"]) in lives
            and row["entry"] == name
            and row["what"] != "TAG"
        ]
        return [pending_of(_told(PENDING, row)) for row in sorted(found, key=lambda row: int(row["event"]))]

    def _listener(self, shard: _Named, row: _Named) -> ListenerRow:
        mine = ("partition", "incarnation", "attachment")
        lines = [
            line
            for line in self._rows(CACHE_LINES)
            if line["to_event"] is None and all(line[each] == row[each] for each in mine)
        ]
        place = (shard["partition"], shard["cache"], shard["shard"])
        told = (*_told(LISTENER, row), min(len(lines), MAX_LINES), row["joined_offset"], row["joined_ms"])
        return listener_of((*place, *told))


def _told(names: Sequence[str], row: _Named) -> Row:
    return tuple([row[name] for name in names])


def _began(row: _Named, at: Moment | None) -> bool:
    return at is None or by_then(row, at, "from_offset", "from_ms")


def _stood(row: _Named, at: Moment | None) -> bool:
    if row["to_event"] is None:
        return True
    return at is not None and not by_then(row, at, "to_offset", "to_ms")
