"""Making, changing, removing and counting a cache: every shard of it, so that a broken-off call can be made again."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Unpack

from streams.domain.caches.commands import ConfigureCache, CreateCache, DeleteCache, InspectEntry
from streams.domain.caches.replies import CacheChanged, CacheOpened, CacheRemoved, CacheStats, EntryView
from streams.domain.caches.settings import CacheSettings
from streams.wire.shards import MAX_SHARDS
from tidelock.client.caches.access import Access
from tidelock.client.caches.counting import inspect_all
from tidelock.client.caches.desk import Desk
from tidelock.client.caches.terms import CacheOptions, settings_of
from tidelock.client.errors import CacheClosing, CacheUnknown, EntryConflict
from tidelock.client.names import check_shards

MAX_TRIES = 10


@dataclass(frozen=True, slots=True)
class CacheReport:
    """A cache in numbers, of all shards together."""

    name: str
    entries: int
    bytes: int
    modified: int
    """Lines that clients hold so."""
    exclusive: int
    shared: int
    listeners: int
    """Clients that keep lines; each counts once a shard."""
    waiting: int
    """Reads and writes."""
    filling: int
    """Entries that are being loaded."""
    changing: int
    """Entries whose lines are being called away, or back."""
    settings: CacheSettings
    version: int
    """Of the settings, of the first shard."""
    shards: tuple[CacheStats, ...]


class Administered:
    """What is done to a cache as a whole."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def create(self, *, shards: int = 1, **options: Unpack[CacheOptions]) -> bool:
        """Make the cache; return whether this call did. One with the same settings and shards is fine.

        The first shard decides: of several who create at once with other shards or settings one is right, whatever
        the order. A call that was broken off is continued by the next one. Raises `CacheExists`.
        """
        check_shards(shards)
        settings, access = settings_of(**options), self._access
        home = await access.caches.ask(CreateCache(access.name, 0, settings, shards), CacheOpened)
        if not home.existed:
            await self._remove(range(shards, MAX_SHARDS))
        others = [CreateCache(access.name, shard, settings, shards) for shard in range(1, shards)]
        await asyncio.gather(*[access.caches.ask(each, CacheOpened) for each in others])
        await inspect_all(access.caches, access.name)
        return not home.existed

    async def _remove(self, shards: range) -> int:
        """Remove those of the shards that there are, also what a deletion that was broken off has left."""
        return sum(await asyncio.gather(*[self._remove_shard(each) for each in shards]))

    async def _remove_shard(self, shard: int) -> int:
        access = self._access
        with suppress(CacheUnknown, CacheClosing):
            await access.caches.inspect(access.name, shard)  # most are not there, which is not worth a commit
            return (await access.caches.ask(DeleteCache(access.name, shard), CacheRemoved)).entries
        return 0

    async def configure(self, **options: Unpack[CacheOptions]) -> CacheSettings:
        """Change some settings, in all shards; return all. The mode is for good. Raises `EntryConflict`."""
        access = self._access
        for _ in range(MAX_TRIES):
            before = await inspect_all(access.caches, access.name)
            settings = settings_of(before[0].settings, **options)
            with suppress(EntryConflict):
                for number, shard in enumerate(before):
                    command = ConfigureCache(access.name, number, settings, shard.version)
                    await access.caches.ask(command, CacheChanged)
                return settings
        error = EntryConflict(
            f"The settings of {access.name!r} are changed all the time. Look who does it; try again."
        )
        error.cache = access.name
        raise error

    async def delete_cache(self) -> int:
        """Remove the cache and all in it, Modified lines too; return how many values. One that is not there is fine.

        The first shard goes first, so that nobody takes what is left for a smaller cache.
        """
        access = self._access
        home = await access.caches.ask(DeleteCache(access.name, 0), CacheRemoved)
        return home.entries + await self._remove(range(1, MAX_SHARDS))

    async def stats(self) -> CacheReport:
        """Return the cache in numbers, never stale. Raises `CacheUnknown`."""
        shards = await inspect_all(self._access.caches, self._access.name)
        return CacheReport(
            self._access.name,
            sum(each.entries for each in shards),
            sum(each.bytes for each in shards),
            sum(each.modified for each in shards),
            sum(each.exclusive for each in shards),
            sum(each.shared for each in shards),
            sum(each.listeners for each in shards),
            sum(each.waiting for each in shards),
            sum(each.filling for each in shards),
            sum(each.changing for each in shards),
            shards[0].settings,
            shards[0].version,
            shards,
        )

    async def inspect(self, entry: str) -> EntryView:
        """Return an entry as the directory has it: version, size, tags, and who has lines of it."""
        access = self._access

        async def ask(_: tuple[Desk, ...]) -> EntryView:
            desk = await access.desk(entry)
            command = InspectEntry(desk.cache, desk.shard, entry, desk.incarnation)
            return await access.caches.ask(command, EntryView)

        return await access.counted(ask)
