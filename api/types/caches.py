"""Caches: settings, shards, counts, windows. Entries: `api.types.entries`."""

from enum import Enum
from typing import Any, Final, cast

import strawberry
from strawberry import Parent

from api.context import Info
from api.spans import closed_span, open_span
from api.types.asof import AsOf
from api.types.scalars import DateTime, Long, Position
from streams.projections.caches.reads import CacheRow
from streams.projections.caches.windows import COUNTERS


@strawberry.enum
class CacheMode(Enum):
    """When a write answers."""

    STRICT = "STRICT"
    RELAXED = "RELAXED"


@strawberry.enum
class WritePolicy(Enum):
    """Whether lines may be held Modified."""

    THROUGH = "THROUGH"
    BACK = "BACK"


@strawberry.type(description="How a cache behaves. Times in ms; bounds are those of one shard.")
class CacheSettings:
    """Settings. Comes as `domain.caches.settings.CacheSettings`."""

    mode: CacheMode = strawberry.field(
        description="STRICT: a write answers when nobody can read the old value any more; RELAXED: at once."
    )
    write_policy: WritePolicy = strawberry.field(
        description="BACK: lines may be held Modified; THROUGH: never."
    )
    max_entries: int
    max_bytes: Long = strawberry.field(description="Of values.")
    max_value_bytes: int
    ttl_ms: Long = strawberry.field(description="Of entries that are written without one; 0: none.")
    read_lease_ms: int = strawberry.field(
        description="How long a client may trust its lines without being heard."
    )
    fill_lease_ms: int = strawberry.field(description="How long whoever loads a missing entry may take.")


@strawberry.type(description="A shard, or a cache, in numbers.")
class CacheCounts:
    """Counts. Comes as `reads.Counts`."""

    entries: int = strawberry.field(description="With a value.")
    bytes: Long = strawberry.field(description="Of values.")
    modified: int = strawberry.field(description="Lines that clients hold Modified.")
    exclusive: int
    shared: int
    listeners: int = strawberry.field(description="Clients that keep lines; one counts in each shard.")
    waiting: int = strawberry.field(description="Reads, writes and deletions that wait.")
    filling: int = strawberry.field(description="Entries that are being loaded.")
    changing: int = strawberry.field(description="Entries that are being changed or written back.")


@strawberry.type(description="One shard of a cache: a part with a partition of its own.")
class CacheShard:
    """A shard. Comes as `reads.ShardRow`."""

    shard: int
    name: str = strawberry.field(description="By which it is placed.")
    partition: int
    incarnation: Long
    version: Long = strawberry.field(description="Of its settings.")
    settings: CacheSettings
    closing: bool
    counts: CacheCounts
    position: Position = strawberry.field(description="The commit that changed it last.")
    changed_ms: DateTime = strawberry.field(name="changedAt")


@strawberry.type
class CacheNumbers:
    """Counters: `windows.COUNTERS`. What clients read from their own lines is not seen there."""

    reads: int = strawberry.field(
        description="Reads that the directory answered with a value: misses of clients' own copies."
    )
    granted_exclusive: int = strawberry.field(description="Lines granted Exclusive.")
    granted_shared: int
    granted_modified: int
    uncached: int = strawberry.field(
        description="Values answered without a line, to clients that keep lines."
    )
    writes: int
    deletes: int
    write_backs: int
    fills: int = strawberry.field(description="Loads that began.")
    fills_failed: int = strawberry.field(description="Loads that came to nothing.")
    warmed: int
    invalidations: int = strawberry.field(description="Calls to drop a line.")
    recalls: int = strawberry.field(description="Calls to write a line back.")
    resets: int = strawberry.field(
        description="Calls to drop everything, to clients that lagged too far behind."
    )
    evicted: int
    expired: int
    tagged: int = strawberry.field(description="Entries removed by a tag.")
    lost: int = strawberry.field(description="Lines held Modified that ended unwritten.")


@strawberry.type(description="Ten seconds of a cache, all shards together. Percentiles of nothing are null.")
class CacheWindow(CacheNumbers):
    """A window. Comes as `reads.WindowRow`."""

    start_ms: DateTime = strawberry.field(name="start")
    wait_p50_ms: float | None = strawberry.field(description="How long commands waited that had to.")
    wait_p95_ms: float | None
    wait_p99_ms: float | None


@strawberry.type(description="The same over whole windows of ten seconds that are over.")
class CacheActivity(CacheNumbers):
    """Sums."""

    since: DateTime
    until: DateTime


async def _windows(root: Parent[CacheRow], info: Info, last_s: int = 600) -> list[CacheWindow]:
    """Load the newest windows, together with those of all other caches that are asked for."""
    found = await info.context.loaders.cache_windows.load((root.name, *open_span(last_s)))
    return cast("list[CacheWindow]", found)


async def _activity(root: Parent[CacheRow], info: Info, last_s: int = 60) -> CacheActivity:
    """Add up the newest windows."""
    from_ms, to_ms = closed_span(last_s)
    found = await info.context.loaders.cache_windows.load((root.name, from_ms, to_ms))
    counts: dict[str, Any] = {name: sum([getattr(one, name) for one in found]) for name in COUNTERS}
    return CacheActivity(since=DateTime(from_ms), until=DateTime(to_ms), **counts)


def _settings(root: Parent[CacheRow]) -> CacheSettings:
    return cast("CacheSettings", root.home.settings)


def _version(root: Parent[CacheRow]) -> Long:
    return Long(root.home.version)


LAST_S: Final = "Of the last `lastS` seconds, 10 to 9,000"


@strawberry.type(description="A cache: its shards put together. Settings are those of its home, shard 0.")
class Cache:
    """A cache. Comes as `reads.CacheRow`."""

    name: str
    settings: CacheSettings = strawberry.field(resolver=_settings)
    version: Long = strawberry.field(resolver=_version, description="Of the settings.")
    closing: bool = strawberry.field(description="It was deleted, and some client may not know it yet.")
    counts: CacheCounts = strawberry.field(description="Over all shards.")
    shards: list[CacheShard] = strawberry.field(
        description="By number; `at` a position, those of its partition alone."
    )
    as_of: AsOf
    activity: CacheActivity = strawberry.field(resolver=_activity, description=f"{LAST_S}, as of now.")
    windows: list[CacheWindow] = strawberry.field(
        resolver=_windows, description=f"{LAST_S}, newest first; where nothing happened, none."
    )
