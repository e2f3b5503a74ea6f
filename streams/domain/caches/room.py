"""Making room: which entries are evicted. Standard library only.

Those first that the directory was asked for least recently; it sees misses and writes, not the clients' hits. What is
held Modified, being changed, or waited for stays.
"""

from itertools import islice
from typing import Final

from streams.domain.caches import events as e
from streams.domain.caches.changes import remove
from streams.domain.caches.draft import BATCH, Draft
from streams.domain.caches.state import Entry, owner_of

LOOKED_AT: Final = 1_000
"""Entries at which one command looks."""
WITH_LINES: Final = 50
"""Entries whose lines one command calls."""
SLACK: Final = 8
"""One part in so many may be in use beyond the limits, while others are called or cannot be evicted."""


def make_room(draft: Draft, entries: int, size: int, but: str = "") -> bool:
    """Evict what must go for so many entries and bytes more. False: there is no room."""
    settings, cache = draft.settings, draft.cache
    if cache.stored + entries <= settings.max_entries and cache.bytes + size <= settings.max_bytes:
        return True
    _evict(draft, cache.stored + entries - settings.max_entries, cache.bytes + size - settings.max_bytes, but)
    most, most_bytes = settings.max_entries, settings.max_bytes
    return (
        draft.cache.stored + entries <= most + most // SLACK
        and draft.cache.bytes + size <= most_bytes + most_bytes // SLACK
    )


def _evict(draft: Draft, entries: int, size: int, but: str) -> None:
    plain, with_lines = list[str](), list[str]()
    for name in islice(draft.cache.recency, LOOKED_AT):
        if (entries <= 0 and size <= 0) or len(with_lines) >= WITH_LINES:
            break
        entry = draft.entry(name)
        if name == but or name in draft.served or not _evictable(entry):
            continue
        entries, size = entries - 1, size - len(entry.value or b"")
        (with_lines if entry.lines else plain).append(name)
    for start in range(0, len(plain), BATCH):
        names = tuple(plain[start : start + BATCH])
        draft.add(e.EntriesRemoved(names, "EVICTED"), *names)
    for name in with_lines:
        remove(draft, name, "EVICT")


def _evictable(entry: Entry) -> bool:
    return entry.change is None and not entry.reads and not entry.writes and not owner_of(entry)
