"""The bounds of a cache, and the check of arguments against them. Standard library only."""

from collections.abc import Sequence
from typing import Final

from streams.domain.arguments import bad_argument, refuse_text, within
from streams.domain.caches.commands import CreateCache
from streams.domain.caches.rejections import value_too_large
from streams.domain.caches.settings import CacheSettings
from streams.domain.decider import Rejected

DAY_MS: Final = 86_400_000
MAX_VALUE: Final = 65_536
MAX_ENTRIES: Final = 10_000_000
MAX_BYTES: Final = 1 << 36
MAX_TTL_MS: Final = 366 * DAY_MS
MIN_LEASE_MS: Final = 100
MAX_READ_LEASE_MS: Final = 60_000
MAX_FILL_LEASE_MS: Final = 600_000
MAX_WAIT_MS: Final = 60_000
MAX_SHARDS: Final = 64
MAX_TAGS: Final = 16
MAX_REASON: Final = 500
MAX_LISTENERS: Final = 10_000
MAX_SHARERS: Final = 1_000
"""Lines of one entry; further readers get the value without a line."""
MAX_LINES: Final = 100_000
"""Lines of one listener, likewise."""
MAX_CALLS: Final = 400
"""Calls that one listener has not acknowledged; then it is told to join anew. One answer tells all: it fits a frame."""
MAX_QUIET: Final = 100
"""Of those nobody need hurry for (SHARE) so many may gather; then the client is told at once, so that it never lags."""
MAX_DROPPED: Final = 500
MAX_WAITS: Final = 10_000
MAX_WAITS_OF_ENTRY: Final = 1_000
MAX_WAIT_BYTES: Final = 16 * 1024 * 1024
MAX_FILLS: Final = 10_000
MAX_JOBS: Final = 16
MAX_SWEPT: Final = 1_000
MAX_BATCH: Final = 500
MAX_BATCH_BYTES: Final = 400 * 1024
MAX_EVENTS: Final = 200
"""A decision that has so many events stops; what is left is due at once, and the next Tick goes on."""
MAX_DECISION_BYTES: Final = 360 * 1024
"""Where it stops, too; a command's own value and calls come on top."""
MAX_ATTACHED: Final = 768 * 1024
"""Bytes of the values with which one decision answers those who wait: an answer each, in as many frames as it takes."""

_SETTINGS: Final = (
    ("max_entries", 1, MAX_ENTRIES),
    ("max_bytes", 1, MAX_BYTES),
    ("max_value_bytes", 1, MAX_VALUE),
    ("ttl_ms", 0, MAX_TTL_MS),
    ("read_lease_ms", MIN_LEASE_MS, MAX_READ_LEASE_MS),
    ("fill_lease_ms", MIN_LEASE_MS, MAX_FILL_LEASE_MS),
)


def refuse_place(cache: str, shard: int) -> Rejected | None:
    """Return why no shard is called like that, or None."""
    if "#" in cache:
        return bad_argument("cache", "must be without '#', which stands before the number of a shard", cache)
    return within("shard", shard, 0, MAX_SHARDS - 1)


def refuse_shards(command: CreateCache) -> Rejected | None:
    """Return why a cache has no such shard, or cannot have so many, or None."""
    refused = within("shards", command.shards, 1, MAX_SHARDS)
    return refused or within("shard", command.shard, 0, command.shards - 1)


def refuse_settings(settings: CacheSettings) -> Rejected | None:
    """Return why a cache cannot be like that, or None."""
    for field, least, most in _SETTINGS:
        if not least <= getattr(settings, field) <= most:
            return bad_argument(field, f"must be {least} to {most}", getattr(settings, field))
    if settings.max_value_bytes > settings.max_bytes:
        rule = f"must be max_bytes ({settings.max_bytes}) or less"
        return bad_argument("max_value_bytes", rule, settings.max_value_bytes)
    return None


def refuse_value(settings: CacheSettings, value: bytes, tags: Sequence[str], ttl_ms: int) -> Rejected | None:
    """Return why a cache cannot hold such an entry, or None."""
    if len(value) > settings.max_value_bytes:
        return value_too_large(len(value), settings.max_value_bytes)
    return refuse_tags(tags) or within("ttl_ms", ttl_ms, -1, MAX_TTL_MS)


def refuse_tags(tags: Sequence[str]) -> Rejected | None:
    """Return why an entry cannot have such tags, or None."""
    if len(tags) > MAX_TAGS:
        return bad_argument("tags", f"must be {MAX_TAGS} at the most", len(tags))
    for tag in tags:
        if (refused := refuse_text("tags", tag)) is not None:
            return refused
    return None if len(dict.fromkeys(tags)) == len(tags) else bad_argument("tags", "must differ", tags)


def refuse_reason(reason: str) -> Rejected | None:
    """Return why `reason` cannot be kept, or None."""
    if len(reason) <= MAX_REASON:
        return None
    return bad_argument("reason", f"must have {MAX_REASON} characters at the most", reason)
