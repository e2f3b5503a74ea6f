"""`putEntry`, `deleteEntry`, `readEntry`, `invalidateTag` and `warmEntries`.

Nothing is kept here: the node asks without an attachment, so no line is ever granted to it.
"""

import asyncio
from collections import defaultdict
from typing import Any, Final, cast

from api.context import Info
from api.mutations.messages import MAX_WAIT_MS, within
from api.mutations.refusals import refusal_of
from api.mutations.speaking import shown, speaking
from api.types.cache_inputs import CacheEntryInput
from api.types.cache_results import (
    DeletedEntry,
    DeleteEntryResult,
    FoundEntry,
    InvalidatedTag,
    InvalidateTagResult,
    PutEntryResult,
    ReadEntryResult,
    StoredEntry,
    WarmedEntries,
    WarmEntriesResult,
)
from api.types.scalars import Long
from streams.domain.caches.commands import (
    DeleteEntry,
    InspectEntry,
    InvalidateTag,
    NewEntry,
    ReadEntry,
    WarmEntries,
    WriteEntry,
)
from streams.domain.caches.limits import MAX_BATCH
from streams.domain.caches.replies import (
    EntriesTaken,
    EntryGone,
    EntryRead,
    EntryStored,
    EntryValue,
    EntryView,
    TagGone,
)
from streams.projections.caches.reads import KIND
from streams.wire.shards import shard_of
from tidelock.client.client import Answered, Client
from tidelock.client.errors import EntryBusy, TidelockError

WAIT_MS: Final = 5_000
"""For changes under way, unless the caller says otherwise."""
TRIES: Final = 10
ROOM_S: Final = 15.0
"""More than what a command waits: for the way, and for owners that change."""


async def put_entry(
    info: Info,
    cache: str,
    entry: CacheEntryInput,
    if_version: Long | None = None,
    wait_ms: int = WAIT_MS,
    session: str | None = None,
) -> PutEntryResult:
    """Write a value."""
    try:
        value, version = entry.value(), -1 if if_version is None else if_version
        async with speaking(info, session) as client:
            shard = await _shard(client, cache, entry.name)
            terms = (value, tuple(entry.tags), entry.ttl, version, 0)
            command = WriteEntry(cache, shard, entry.name, *terms, "INVALID", 0, wait_ms)
            told = await _ask(client, command, wait_ms)
            stored = cast("EntryStored", told.reply)
            positions = shown([told.position])
            return StoredEntry(
                cache=cache, name=entry.name, version=Long(stored.version), positions=positions
            )
    except TidelockError as error:
        return refusal_of(error)


async def delete_entry(
    info: Info,
    cache: str,
    name: str,
    if_version: Long | None = None,
    wait_ms: int = WAIT_MS,
    session: str | None = None,
) -> DeleteEntryResult:
    """Remove a value."""
    try:
        async with speaking(info, session) as client:
            shard, version = await _shard(client, cache, name), -1 if if_version is None else if_version
            told = await _ask(client, DeleteEntry(cache, shard, name, version, 0, 0, wait_ms), wait_ms)
            gone = cast("EntryGone", told.reply)
            was = Long(gone.version) if gone.version else None
            return DeletedEntry(cache=cache, name=name, version=was, positions=shown([told.position]))
    except TidelockError as error:
        return refusal_of(error)


async def read_entry(
    info: Info, cache: str, name: str, wait_ms: int = WAIT_MS, session: str | None = None
) -> ReadEntryResult:
    """Ask the directory."""
    try:
        async with speaking(info, session) as client:
            shard = await _shard(client, cache, name)
            told = await _read(client, ReadEntry(cache, shard, name, 0, False, wait_ms), wait_ms)
            looked = await client.ask(KIND, InspectEntry(cache, shard, name))
            read, view = cast("EntryRead", told.reply), cast("EntryView", looked.reply)
            value = cast("EntryValue", told.attached[0]) if read.found else None
            return FoundEntry(
                view=view,
                data=value.value if value else None,
                cache=cache,
                name=name,
                version=Long(read.version) if read.found else None,
                tags=list(value.tags) if value else [],
                sharers=view.sharers,
                waiting=view.waiting,
                positions=shown([told.position, looked.position]),
            )
    except TidelockError as error:
        return refusal_of(error)


async def invalidate_tag(info: Info, cache: str, tag: str, session: str | None = None) -> InvalidateTagResult:
    """Remove what has the tag."""
    try:
        async with speaking(info, session) as client:
            shards = range(await _shards(client, cache))
            told = await asyncio.gather(
                *(_ask(client, InvalidateTag(cache, shard, tag), MAX_WAIT_MS) for shard in shards)
            )
            entries = sum([cast("TagGone", one.reply).entries for one in told])
            positions = shown([one.position for one in told])
            return InvalidatedTag(cache=cache, tag=tag, entries=entries, positions=positions)
    except TidelockError as error:
        return refusal_of(error)


async def warm_entries(
    info: Info, cache: str, entries: list[CacheEntryInput], session: str | None = None
) -> WarmEntriesResult:
    """Put in what is missing."""
    try:
        within("entries", len(entries), 1, MAX_BATCH)
        new = [NewEntry(one.name, one.value(), tuple(one.tags), one.ttl) for one in entries]
        async with speaking(info, session) as client:
            batches, shards = defaultdict[int, list[NewEntry]](list), await _shards(client, cache)
            for one in new:
                batches[shard_of(one.entry, shards)].append(one)
            told = await asyncio.gather(
                *(client.ask(KIND, WarmEntries(cache, shard, tuple(some))) for shard, some in batches.items())
            )
            taken = [cast("EntriesTaken", one.reply) for one in told]
            return WarmedEntries(
                cache=cache,
                warmed=sum([one.warmed for one in taken]),
                skipped=sum([one.skipped for one in taken]),
                positions=shown([one.position for one in told]),
            )
    except TidelockError as error:
        return refusal_of(error)


async def _shards(client: Client, cache: str) -> int:
    """Return how many shards there are now: a cache of the name may have been made anew since the last time."""
    return len((await client.administer_cache(cache).stats()).shards)


async def _shard(client: Client, cache: str, entry: str) -> int:
    return shard_of(entry, await _shards(client, cache))


async def _ask(client: Client, command: Any, wait_ms: int) -> Answered:
    within("waitMs", wait_ms, 0, MAX_WAIT_MS)
    return await client.ask(KIND, command, timeout=wait_ms / 1000 + ROOM_S)


async def _read(client: Client, command: ReadEntry, wait_ms: int) -> Answered:
    """Read; a value that was replaced before it could be attached is read again."""
    for _ in range(TRIES):
        told = await _ask(client, command, wait_ms)
        if not cast("EntryRead", told.reply).found or not told.attached[0].gone:
            return told
    raise EntryBusy(f"Entry {command.entry!r:.100} is written all the time. Ask again.")
