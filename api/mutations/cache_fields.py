"""The fields of `Mutation` that are about caches."""

import strawberry

from api.mutations import caches, entries
from api.types.cache_results import (
    ChangeCacheResult,
    DeleteCacheResult,
    DeleteEntryResult,
    InvalidateTagResult,
    PutEntryResult,
    ReadEntryResult,
    WarmEntriesResult,
)


@strawberry.type
class CacheMutation:
    """What can be done to caches. The node keeps no lines: what it writes, all who have lines are called for."""

    create_cache: ChangeCacheResult = strawberry.mutation(
        resolver=caches.create_cache,
        description="Make a cache. If it is there with the same settings and shards, that is fine.",
    )
    configure_cache: ChangeCacheResult = strawberry.mutation(
        resolver=caches.configure_cache,
        description="Change the settings that are given; with `version`, only if they are still of this one.",
    )
    delete_cache: DeleteCacheResult = strawberry.mutation(
        resolver=caches.delete_cache, description="Remove a cache and all in it, Modified lines too."
    )
    put_entry: PutEntryResult = strawberry.mutation(
        resolver=entries.put_entry,
        description="Write a value; with `ifVersion`, only if the entry is of this one (0: if it has none). Waits up "
        "to `waitMs` (30,000) for earlier changes; once begun, it is carried out, whether you hang up or not.",
    )
    delete_entry: DeleteEntryResult = strawberry.mutation(
        resolver=entries.delete_entry, description="Remove a value, likewise."
    )
    read_entry: ReadEntryResult = strawberry.mutation(
        resolver=entries.read_entry,
        description="Ask the directory for a value, and who has lines of it: never stale. What a client holds Modified "
        "is written back first.",
    )
    invalidate_tag: InvalidateTagResult = strawberry.mutation(
        resolver=entries.invalidate_tag, description="Remove all entries that have a tag now."
    )
    warm_entries: WarmEntriesResult = strawberry.mutation(
        resolver=entries.warm_entries,
        description="Put in up to 500 entries that are missing, as many as a request holds; others stay as they are.",
    )
