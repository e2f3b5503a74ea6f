"""Live caches: what ends or replaces values and lines, each with the cursor that goes on behind it."""

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing

from api.subscriptions.cache_types import CacheInvalidation, InvalidationKind
from api.subscriptions.convert_caches import invalidation
from api.subscriptions.streams import KindStreams


class LiveCaches:
    """Live caches, for all connections of a process."""

    def __init__(self, streams: KindStreams) -> None:
        self._streams = streams

    async def invalidations(
        self,
        tenant: str,
        cache: str,
        entry: str | None = None,
        only: Collection[InvalidationKind] | None = None,
        after: str | None = None,
    ) -> AsyncGenerator[CacheInvalidation]:
        """Yield what ends or replaces values and lines of a cache, or of one entry of it."""
        streams = self._streams
        async with streams.served():
            interest = streams.on_shards(tenant, cache)
            async with aclosing(streams.events(interest, after, invalidation)) as items:
                async for item in items:
                    of_entry = entry is None or not item.entries or entry in item.entries
                    if of_entry and (only is None or item.kind in only):
                        yield item
