"""Making, changing and removing caches."""

from typing import cast

from api.context import Info
from api.mutations.messages import within
from api.mutations.queues import MAX_VERSION
from api.mutations.refusals import refusal_of
from api.mutations.speaking import shown, speaking
from api.types.cache_inputs import CacheSettingsInput
from api.types.cache_results import ChangeCacheResult, ChangedCache, DeleteCacheResult, DeletedCache
from api.types.caches import CacheSettings
from api.types.scalars import Long
from streams.domain.caches.commands import ConfigureCache, InspectCache
from streams.domain.caches.replies import CacheStats
from streams.projections.caches.reads import KIND
from tidelock.client.caches.terms import settings_of
from tidelock.client.client import Client
from tidelock.client.errors import TidelockError


async def create_cache(
    info: Info,
    name: str,
    shards: int = 1,
    settings: CacheSettingsInput | None = None,
    session: str | None = None,
) -> ChangeCacheResult:
    """Make a cache."""
    try:
        async with speaking(info, session) as client:
            await client.administer_cache(name).create(
                shards=shards, **(settings or CacheSettingsInput()).options()
            )
            return await _changed(client, name)
    except TidelockError as error:
        return refusal_of(error)


async def configure_cache(
    info: Info,
    name: str,
    settings: CacheSettingsInput,
    version: Long | None = None,
    session: str | None = None,
) -> ChangeCacheResult:
    """Change settings; with `version`, only if they are still of this one."""
    try:
        if version is not None:
            within("version", version, 1, MAX_VERSION)
        async with speaking(info, session) as client:
            cache, options = client.administer_cache(name), settings.options()
            if version is not None:
                home = (await cache.stats()).settings
                await client.ask(KIND, ConfigureCache(name, 0, settings_of(home, **options), version))
            await cache.configure(**options)
            return await _changed(client, name)
    except TidelockError as error:
        return refusal_of(error)


async def delete_cache(info: Info, name: str, session: str | None = None) -> DeleteCacheResult:
    """Remove a cache."""
    try:
        async with speaking(info, session) as client:
            return DeletedCache(name=name, entries=await client.administer_cache(name).delete_cache())
    except TidelockError as error:
        return refusal_of(error)


async def _changed(client: Client, name: str) -> ChangedCache:
    shards = len((await client.administer_cache(name).stats()).shards)
    told = [await client.ask(KIND, InspectCache(name, shard)) for shard in range(shards)]
    home = cast("CacheStats", told[0].reply)
    return ChangedCache(
        name=name,
        version=Long(home.version),
        shards=shards,
        settings=cast("CacheSettings", home.settings),
        positions=shown([one.position for one in told]),
    )
