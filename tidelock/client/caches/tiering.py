"""The second tier of one cache: asked on a miss, told of what was read and written, never waited for with a write."""

import asyncio
import logging
from typing import Final

from streams.domain.caches.replies import EntryRead, EntryStored
from tidelock.client.caches.desk import Desk
from tidelock.client.caches.ports import Held, SecondTier, Shard
from tidelock.client.caches.transport import Caches

MAX_OFFERS: Final = 256
"""Offers under way; more are left out, as none is needed."""
MAX_SHOWN: Final = 10_000
log = logging.getLogger("tidelock.caches")


class Tiering:
    """What one client does with a second tier."""

    def __init__(self, tier: SecondTier, cache: str, caches: Caches) -> None:
        self._tier, self._cache, self._caches = tier, cache, caches
        self._shards: dict[int, Shard] = {}
        self._offers: set[asyncio.Task[None]] = set()
        self._shown: dict[tuple[int, str], None] = {}
        """Entries of which a copy was shown: whoever wants one again had better have a line."""

    def _shard(self, number: int) -> Shard:
        shard = self._shards.get(number)
        if shard is None:
            shard = self._shards[number] = self._caches.told(self._cache, number)
        return shard

    async def get(self, desk: Desk, entry: str) -> Held | None:
        """Return the copy of an entry, if the cache is known to be RELAXED and there is one.

        Of two reads in a row the second gets none: the directory gives a line, and the third costs nothing.
        """
        settings, where = desk.listener.settings, (desk.shard, entry)
        if settings is None or settings.mode != "RELAXED" or self._shown.pop(where, self) is None:
            return None
        try:
            held = await self._tier.get(self._shard(desk.shard), entry)
        except Exception:
            log.exception("cache %r: the second tier failed", self._cache)
            return None
        if held is not None:
            self._show(where)
        return held

    def _show(self, where: tuple[int, str]) -> None:
        self._shown[where] = None
        if len(self._shown) > MAX_SHOWN:
            del self._shown[next(iter(self._shown))]

    def offer(self, desk: Desk, reply: EntryRead | EntryStored, value: bytes) -> None:
        """Offer what was read or written, in the background: the coded value, good since the token of its line."""
        settings = desk.listener.settings
        granted = reply.token or (reply.version if isinstance(reply, EntryStored) else 0)
        if settings is None or settings.mode != "RELAXED" or not granted or len(self._offers) >= MAX_OFFERS:
            return
        expires = None
        if reply.expires_at:
            until_s = desk.listener.partition.trusted_until(reply.expires_at)
            expires = until_s - self._caches.clock.now()
            if expires <= 0:
                return
        held = Held(reply.version, value)
        work = self._offer(self._shard(desk.shard), reply.entry, held, granted, expires)
        task = asyncio.get_running_loop().create_task(work, name="tidelock-cache-offer")
        self._offers.add(task)
        task.add_done_callback(self._offers.discard)

    async def _offer(self, shard: Shard, entry: str, held: Held, granted: int, expires: float | None) -> None:
        try:
            await self._tier.offer(shard, entry, held, granted, expires)
        except Exception:
            log.exception("cache %r: the second tier failed", self._cache)

    def drop(self, shard: int, entry: str, version: int) -> None:
        """Show this client no copy of a version up to `version` any more."""
        self._tier.drop(self._shard(shard), entry, version)

    def close(self) -> None:
        """Offer nothing any more."""
        for task in tuple(self._offers):
            task.cancel()
