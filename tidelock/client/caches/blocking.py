"""Caches without async: the same calls, which block. Made by `tidelock.sync`.

price = client.cache("prices", codec=Json()).get("sku/42")

A hit is answered on the calling thread, without the client's: the line is looked up before the clock, so it was good
at a moment of the call. `local` is then about right only, as threads count at the same time.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar, Unpack

from streams.domain.caches.replies import EntryView
from streams.domain.caches.settings import CacheSettings
from tidelock.client.caches.administration import CacheReport
from tidelock.client.caches.cache import Cache as AsyncCache
from tidelock.client.caches.found import Found
from tidelock.client.caches.hits import Hits
from tidelock.client.caches.ports import Loaded, Loader
from tidelock.client.caches.terms import CacheOptions, Keep
from tidelock.client.caches.warming import Warmed
from tidelock.client.loop_thread import LoopThread

_T = TypeVar("_T")
_D = TypeVar("_D")


class Cache(Generic[_T]):
    """A cache. See `tidelock.Cache`. Loaders and writers are asynchronous here, too, on the client's thread."""

    def __init__(self, cache: AsyncCache[_T], loop: LoopThread) -> None:
        self._cache = cache
        self._loop = loop

    @property
    def name(self) -> str:
        """Its name."""
        return self._cache.name

    @property
    def local(self) -> Hits:
        """What this client's part of the cache has done."""
        return self._cache.local

    def hit(self, entry: str, default: _D | None = None) -> _T | _D | None:
        """Return the value if this client may use its own line of it; else `default`. Never waits."""
        found = self._here(entry) or self._loop.run(self._look(entry))
        return default if found is None else found.value

    def get(self, entry: str, default: _D | None = None) -> _T | _D | None:
        """Return the value; else what the cache's loader brings; else `default`."""
        found = self.find(entry)
        return default if found is None else found.value

    def find(self, entry: str) -> Found[_T] | None:
        """Return what `get` would, with its version and how it was found; None: there is none."""
        return self._here(entry) or self._loop.run(self._cache.find(entry))

    def _here(self, entry: str) -> Found[_T] | None:
        found = self._cache.look_elsewhere(entry)
        if found is not None:
            self._cache.local.hits += 1
        return found

    async def _look(self, entry: str) -> Found[_T] | None:
        return self._cache.look(entry)

    def get_versioned(self, entry: str) -> tuple[_T, int] | None:
        """Return value and version; None: there is none."""
        return self._loop.run(self._cache.get_versioned(entry))

    def get_many(self, entries: Iterable[str]) -> dict[str, _T]:
        """Return the values that there are (or are loaded), by entry."""
        return self._loop.run(self._cache.get_many(list(entries)))

    def get_or_load(
        self, entry: str, load: Loader[_T] | Callable[[], Loaded[_T] | _T] | None = None
    ) -> _T | None:
        """Return the value; if there is none, load it: of all clients that miss it one does.

        `load`: a `Loader`, or a function, which is called on a thread of its own; default: the cache's loader.
        """
        loader = load if load is None or hasattr(load, "load") else _threaded(load)
        return self._loop.run(self._cache.get_or_load(entry, loader))

    def put(
        self,
        entry: str,
        value: _T,
        *,
        ttl: float | None = None,
        tags: Iterable[str] = (),
        if_version: int | None = None,
        keep: Keep | None = None,
    ) -> int:
        """Write a value; return its version, or 0 for what was written here only."""
        options: Any = {"ttl": ttl, "tags": tuple(tags), "if_version": if_version, "keep": keep}
        return self._loop.run(self._cache.put(entry, value, **options))

    def delete(self, entry: str, *, if_version: int | None = None) -> bool:
        """Remove a value; return whether there was one."""
        return self._loop.run(self._cache.delete(entry, if_version=if_version))

    def invalidate_tag(self, tag: str) -> int:
        """Remove all entries that have the tag; return how many."""
        return self._loop.run(self._cache.invalidate_tag(tag))

    def warm(
        self,
        entries: Mapping[str, _T] | Iterable[tuple[str, _T]],
        *,
        ttl: float | None = None,
        tags: Iterable[str] = (),
        progress: Callable[[Warmed], None] | None = None,
    ) -> Warmed:
        """Put in entries that are missing, many at a time. `progress` is called on the client's own thread."""
        given = self._cache.warm(entries, ttl=ttl, tags=tuple(tags), progress=progress)
        return self._loop.run(given)

    def flush(self) -> None:
        """Write back what is held Modified, and let the writer have what waits for it. Raises `LineLost`."""
        self._loop.run(self._cache.flush())

    def create(self, *, shards: int = 1, **options: Unpack[CacheOptions]) -> bool:
        """Make the cache. If it is there with the same settings and shards, that is fine."""
        return self._loop.run(self._cache.create(shards=shards, **options))

    def configure(self, **options: Unpack[CacheOptions]) -> CacheSettings:
        """Change some settings; return all."""
        return self._loop.run(self._cache.configure(**options))

    def delete_cache(self) -> int:
        """Remove the cache and all in it; return how many values."""
        return self._loop.run(self._cache.delete_cache())

    def stats(self) -> CacheReport:
        """Return the cache in numbers, never stale."""
        return self._loop.run(self._cache.stats())

    def inspect(self, entry: str) -> EntryView:
        """Return an entry as the directory has it."""
        return self._loop.run(self._cache.inspect(entry))

    def close(self) -> None:
        """Write back what is Modified, and keep no lines any more."""
        self._loop.run(self._cache.close())


def _threaded(load: Callable[[], Any]) -> Any:
    async def loaded() -> Any:
        return await asyncio.to_thread(load)

    return loaded
