"""`client.cache(...)`: the usual way to use a cache."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from streams.domain.caches.commands import InvalidateTag
from streams.domain.caches.replies import TagGone
from tidelock.client.caches.access import Access
from tidelock.client.caches.administration import Administered
from tidelock.client.caches.desk import Desk
from tidelock.client.caches.found import Found, found_here
from tidelock.client.caches.hits import Hits
from tidelock.client.caches.lines import Line
from tidelock.client.caches.ports import Loaded, Loader
from tidelock.client.caches.reading import Reading
from tidelock.client.caches.terms import Keep
from tidelock.client.caches.warming import Warmed, Warming
from tidelock.client.caches.writing import Put, Writing
from tidelock.client.errors import BadArgument

_T = TypeVar("_T")
_D = TypeVar("_D")


class Cache(Administered, Generic[_T]):
    """A cache: what is read stays here, coherent, and costs nothing until somebody else writes it.

    prices = client.cache("prices", codec=Json())
    await prices.put("sku/42", {"cents": 1999}, ttl=3600, tags=("shop/7",))
    price = await prices.get("sku/42")          # from the second time on without a round trip
    price = await prices.get_or_load("sku/43", load)    # of all clients that miss it, one loads

    Values are shared with whoever gets them next: do not change them, put another.
    """

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._reading = Reading(access)
        self._writing = Writing(access)
        self._local = access.hits

    @property
    def name(self) -> str:
        """Its name."""
        return self._access.name

    @property
    def local(self) -> Hits:
        """What this client's part of the cache has done: hits, misses, invalidations, write-backs and so on."""
        return self._local

    @property
    def lines(self) -> int:
        """How many entries this client keeps."""
        return sum(len(desk.lines) for desk in self._access.desks)

    @property
    def unwritten(self) -> int:
        """Entries that wait for the writer (`writer_order="BEHIND"`)."""
        behind = self._writing.behind
        return 0 if behind is None else len(behind)

    def held(self, entry: str) -> Line | None:
        """Return this client's line of an entry, may it be used now or not: to look at, not to change."""
        return self._access.desk_of(entry).lines.by_entry.get(entry) if self._access.desks else None

    # -- reading ---------------------------------------------------------------------------------------------

    def hit(self, entry: str, default: _D | None = None) -> _T | _D | None:
        """Return the value if this client may use its own line of it; else `default`. Never waits, sends nothing."""
        line = self._access.hit(entry)
        if line is None:
            return default
        self._local.hits += 1
        value: _T = line.value
        return value

    async def get(self, entry: str, default: _D | None = None) -> _T | _D | None:
        """Return the value; else what the cache's loader brings; else `default`. A hit awaits nothing.

        Raises `CacheUnknown`, `EntryWaitTimedOut`, `LoadFailed`, `ValueUnreadable`.
        """
        line = self._access.hit(entry)
        if line is not None:
            self._local.hits += 1
            value: _T = line.value
            return value
        found = await self._reading.read(entry, self._access.terms.loader)
        return default if found is None else found.value

    def look(self, entry: str) -> Found[_T] | None:
        """Return what `hit` would, with its version and whether it was written here; None: no hit. Not counted."""
        line = self._access.hit(entry)
        return None if line is None else found_here(line)

    def look_elsewhere(self, entry: str) -> Found[_T] | None:
        """Return what `look` would, on any thread. It may find less: `look` knows the latest of the lease."""
        line = self._access.hit_elsewhere(entry)
        return None if line is None else found_here(line)

    async def find(self, entry: str) -> Found[_T] | None:
        """Return what `get` would, with its version and how it was found; None: there is none."""
        return self._counted(entry) or await self._reading.read(entry, self._access.terms.loader)

    def _counted(self, entry: str) -> Found[_T] | None:
        found = self.look(entry)
        if found is not None:
            self._local.hits += 1
        return found

    async def get_versioned(self, entry: str) -> tuple[_T, int] | None:
        """Return value and version, for a `put` or `delete` with `if_version`; None: there is none.

        What was written to a Modified line is written back first: only then it has a version.
        """
        found = await self._reading.read(entry, self._access.terms.loader, exact=True)
        return None if found is None else (found.value, found.version)

    async def get_many(self, entries: Iterable[str]) -> dict[str, _T]:
        """Return the values that there are (or are loaded), by entry. Misses are asked for together."""
        found: dict[str, _T] = {}
        missing = list[str]()
        for entry in dict.fromkeys(entries):
            line = self._access.hit(entry)
            if line is None:
                missing.append(entry)
            else:
                self._local.hits += 1
                found[entry] = line.value
        read = await _all(self._reading.read(each, self._access.terms.loader) for each in missing)
        found.update((entry, each.value) for entry, each in zip(missing, read, strict=True) if each)
        return found

    async def get_or_load(
        self,
        entry: str,
        load: Loader[_T] | Callable[[], Awaitable[Loaded[_T] | _T]] | None = None,
    ) -> _T | None:
        """Return the value; if there is none, load it: of all clients that miss it one does, the others wait for it.

        `load`: a `Loader`, or an async function that returns the value (`Loaded`, to give it a time or tags); default:
        the cache's loader. A loader that fails, or does not end within the fill lease, lets the next in line load.
        Raises `LoadFailed`, `LoadTimedOut`.
        """
        line = self._access.hit(entry)
        if line is not None:
            self._local.hits += 1
            value: _T = line.value
            return value
        loader = self._access.terms.loader if load is None else _loader(load)
        if loader is None:
            raise BadArgument(
                f"Nothing loads {entry!r:.100}. Give `load`, or a loader: client.cache(..., loader=...)."
            )
        found = await self._reading.read(entry, loader)
        return None if found is None else found.value

    # -- writing ---------------------------------------------------------------------------------------------

    async def put(
        self,
        entry: str,
        value: _T,
        *,
        ttl: float | None = None,
        tags: Iterable[str] = (),
        if_version: int | None = None,
        keep: Keep | None = None,
    ) -> int:
        """Write a value; return its version. Strict: when this returns, nobody reads the old one any more.

        `ttl`: seconds; None: the cache's; 0: without end. `if_version`: only if the entry is of this version; 0: only
        if there is none. `keep`: the line to keep; default: as the cache is used. Under MODIFIED further puts with the
        same `ttl` and `tags` stay here and return 0: they have a version once they are written back (`flush`, an
        eviction, another client's read). A cancelled call may have written. Raises `EntryConflict`, `ValueTooLarge`,
        `CacheFull`, `EntryWaitTimedOut`, `WriterFailed`, `OutcomeUnknown`.
        """
        terms = self._access.terms
        if keep == "MODIFIED" and terms.writer is not None:
            raise BadArgument(
                "A cache with a writer cannot keep MODIFIED: the writer would not see further writes."
            )
        coded = self._access.encode(value)
        put = Put(entry, value, coded, ttl, tuple(tags), if_version, terms.keep if keep is None else keep)
        return await self._writing.put(put)

    async def delete(self, entry: str, *, if_version: int | None = None) -> bool:
        """Remove a value; return whether there was one. Raises `EntryConflict`, `WriterFailed`, `OutcomeUnknown`."""
        return await self._writing.delete(entry, if_version)

    async def invalidate_tag(self, tag: str) -> int:
        """Remove all entries that have the tag; return how many. Strict: nobody reads one of them any more."""
        access = self._access

        def ask(desk: Desk) -> Awaitable[TagGone]:
            command = InvalidateTag(desk.cache, desk.shard, tag, desk.incarnation)
            return access.caches.ask(command, TagGone, wait_s=access.terms.wait)

        gone = await access.counted(lambda desks: _all(map(ask, desks)))
        return sum([each.entries for each in gone])

    async def warm(
        self,
        entries: Mapping[str, _T] | Iterable[tuple[str, _T]],
        *,
        ttl: float | None = None,
        tags: Iterable[str] = (),
        progress: Callable[[Warmed], None] | None = None,
    ) -> Warmed:
        """Put in entries that are missing, many at a time; others stay as they are. `progress`: told of each batch."""
        items = entries.items() if isinstance(entries, Mapping) else entries
        return await Warming(self._access, ttl, tuple(tags), progress).run(items)

    async def flush(self) -> None:
        """Write back what is held Modified, and let the writer have what waits for it. Raises `LineLost`.

        It tells of all lines that were lost since the last flush.
        """
        lines = [(desk, line) for desk, line in self._access.modified() if line.changed is not None]
        await self._access.bring_back(lines, "MODIFIED")
        if self._writing.behind is not None:
            await self._writing.behind.done()
        self._access.raise_lost()

    # -- the end ---------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Write back what is Modified, give the writer what waits for it, and keep no lines any more.

        Using the cache again begins anew. Closing the client does it, too.
        """
        if self._writing.behind is not None:
            await self._writing.behind.done()
        await self._access.close()

    def stop(self) -> list[str]:
        """Keep no lines any more, at once; return the entries whose latest value the writer has not got."""
        self._access.stop()
        behind = self._writing.behind
        return [] if behind is None else behind.cancel()


class _Function(Generic[_T]):
    """A loader that is an async function."""

    def __init__(self, load: Callable[[], Awaitable[Loaded[_T] | _T]]) -> None:
        self._load = load

    async def load(self, entry: str) -> Loaded[_T] | None:  # noqa: ARG002
        """Return what the function returns; None: there is none."""
        loaded = await self._load()
        if loaded is None or isinstance(loaded, Loaded):
            return loaded
        return Loaded(loaded)


def _loader(load: Any) -> Loader[Any]:
    return load if hasattr(load, "load") else _Function(load)


async def _all(work: Iterable[Awaitable[_T]]) -> list[_T]:
    """Return what all return; the first error ends the others."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
