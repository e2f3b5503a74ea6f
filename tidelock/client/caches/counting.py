"""How many shards a cache has: it does not say so itself."""

import asyncio
from functools import partial

from streams.domain.caches.replies import CacheStats
from streams.wire.shards import MAX_SHARDS
from tidelock.client.caches.transport import Caches
from tidelock.client.errors import CacheIncomplete, CacheUnknown


async def inspect_all(caches: Caches, name: str) -> tuple[CacheStats, ...]:
    """Return the shards of a cache in numbers, home first. Raises `CacheUnknown`, `CacheIncomplete`.

    A cache does not say how many shards it has; they are made from the last to the first and removed from the first to
    the last, so where the first one is, all are.
    """
    look = partial(_inspect, caches, name)
    home, *others = await asyncio.gather(caches.inspect(name), look(1), look(2))
    if others[1] is not None:
        others += await asyncio.gather(*map(look, range(3, MAX_SHARDS)))
    found = [each for each in others if each is not None]
    if None in others[: len(found)]:
        raise incomplete(name)
    return (home, *found)


async def _inspect(caches: Caches, name: str, shard: int) -> CacheStats | None:
    try:
        return await caches.inspect(name, shard)
    except CacheUnknown:
        return None


def incomplete(name: str) -> CacheIncomplete:
    """Return the error for a cache of which shards are missing."""
    error = CacheIncomplete(
        f"Cache {name!r} lacks some of its shards: a create or delete was broken off, or is under way. Delete it, and "
        "create it again."
    )
    error.cache = name
    return error
