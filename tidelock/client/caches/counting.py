"""The shards of a cache, as its first one counts them."""

import asyncio

from streams.domain.caches.replies import CacheStats
from tidelock.client.caches.transport import Caches
from tidelock.client.errors import CacheIncomplete, CacheUnknown


async def inspect_all(caches: Caches, name: str) -> tuple[CacheStats, ...]:
    """Return the shards of a cache in numbers, home first. Raises `CacheUnknown`, `CacheIncomplete`.

    The first shard is made first and removed first, and knows how many there are; another one that was made for
    another number of shards is left of a cache of the name that was.
    """
    home = await caches.inspect(name)
    others = await asyncio.gather(*[_inspect(caches, name, each) for each in range(1, home.shards)])
    found = [each for each in others if each is not None and each.shards == home.shards]
    if len(found) < len(others):
        raise incomplete(name, home.shards)
    return (home, *found)


async def _inspect(caches: Caches, name: str, shard: int) -> CacheStats | None:
    try:
        return await caches.inspect(name, shard)
    except CacheUnknown:
        return None


def incomplete(name: str, shards: int) -> CacheIncomplete:
    """Return the error for a cache of which shards are missing."""
    error = CacheIncomplete(
        f"Cache {name!r} lacks some of its {shards} shards: a create or delete was broken off, or is under way. Create "
        "it again as it is, or delete it first."
    )
    error.cache = name
    return error
