"""The fields of `Query` that are about caches."""

import strawberry

from api.queries import caches as cache_queries
from api.types.cache_pages import CacheConnection, CacheListenerConnection
from api.types.caches import Cache
from api.types.entries import CacheEntry, CacheValueConnection


@strawberry.type
class CacheQuery:
    """What can be asked about caches. `notBefore` takes one position or several: shards have partitions."""

    cache: Cache | None = strawberry.field(
        resolver=cache_queries.cache,
        description="One cache; of `at`, if that is given. Null: there is, or was, none.",
    )
    caches: CacheConnection = strawberry.field(
        resolver=cache_queries.caches, description="Caches, by name; at most 100 a page."
    )
    entry: CacheEntry = strawberry.field(
        resolver=cache_queries.entry,
        description="One entry: its value, who has lines of it, what is under way; of `at`, if that is given.",
    )
    entries: CacheValueConnection = strawberry.field(
        resolver=cache_queries.entries,
        description="The values that entries of a cache have, by name; at most 100 a page.",
    )
    cache_listeners: CacheListenerConnection = strawberry.field(
        resolver=cache_queries.listeners,
        description="Clients that keep lines of a cache; at most 100 a page.",
    )
