"""Putting in many entries that are missing, in batches, a few under way at a time."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from streams.domain.caches.commands import NewEntry, WarmEntries
from streams.domain.caches.limits import MAX_BATCH
from streams.domain.caches.replies import EntriesTaken
from tidelock.client.caches.access import Access
from tidelock.client.caches.desk import Desk
from tidelock.client.caches.terms import ttl_ms_of

BATCH_BYTES: Final = 256 * 1024
AT_ONCE: Final = 4
"""Batches under way."""


@dataclass(slots=True)
class Warmed:
    """How far a warm-up is."""

    warmed: int = 0
    skipped: int = 0
    """They were there already, or under way."""


class Warming:
    """One warm-up of one cache."""

    def __init__(
        self, access: Access, ttl: float | None, tags: tuple[str, ...], progress: Callable[[Warmed], None] | None
    ) -> None:  # fmt: skip
        self._access = access
        self._ttl_ms, self._tags = ttl_ms_of(ttl), tags
        self._progress = progress
        self._done = Warmed()
        self._batches: dict[Desk, list[NewEntry]] = {}
        self._sizes: dict[Desk, int] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self, entries: Iterable[tuple[str, Any]]) -> Warmed:
        """Put in what is missing. An error ends it; what was put in by then stays."""
        try:
            for entry, value in entries:
                await self._add(entry, self._access.encode(value))
            for desk in tuple(self._batches):
                await self._send(desk)
            while self._under_way:
                await self._wait()
        finally:
            for task in self._under_way:
                task.cancel()
        return self._done

    async def _add(self, entry: str, coded: bytes) -> None:
        desk = await self._access.desk(entry)
        size = len(coded) + 4 * (len(entry) + sum(map(len, self._tags))) + 32
        full = self._sizes.get(desk, 0) + size > BATCH_BYTES or len(self._batches.get(desk, ())) >= MAX_BATCH
        if full:
            await self._send(desk)
        self._batches.setdefault(desk, []).append(NewEntry(entry, coded, self._tags, self._ttl_ms))
        self._sizes[desk] = self._sizes.get(desk, 0) + size

    async def _send(self, desk: Desk) -> None:
        batch = tuple(self._batches.pop(desk, ()))
        self._sizes.pop(desk, None)
        if not batch:
            return
        while len(self._under_way) >= AT_ONCE:
            await self._wait()
        self._under_way.add(asyncio.create_task(self._sent(batch), name="tidelock-cache-warm"))

    async def _sent(self, batch: tuple[NewEntry, ...]) -> None:
        access = self._access

        async def send(_: tuple[Desk, ...]) -> None:
            by_desk: dict[Desk, list[NewEntry]] = {}
            for new in batch:
                by_desk.setdefault(await access.desk(new.entry), []).append(new)
            for desk, some in by_desk.items():
                command = WarmEntries(desk.cache, desk.shard, tuple(some), desk.incarnation)
                self._count(await access.caches.ask(command, EntriesTaken))

        await access.counted(send)
        if self._progress is not None:
            self._progress(self._done)

    def _count(self, taken: EntriesTaken) -> None:
        self._done.warmed += taken.warmed
        self._done.skipped += taken.skipped

    async def _wait(self) -> None:
        done, self._under_way = await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
