"""What a client does with a second tier: asked on a miss of a relaxed cache, told of what was read and written."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from streams.domain.caches import commands as c
from tests.unit.client.caches.conftest import NAME, Join
from tests.unit.client.caches.server import CacheWorker
from tests.unit.client.worker import until
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.ports import Held, Shard
from tidelock.client.client import Client


class Tier:
    """A tier of one's own: it keeps whatever it is offered."""

    def __init__(self) -> None:
        self.copies: dict[tuple[Shard, str], Held] = {}
        self.granted: dict[str, int] = {}
        self.expires: dict[str, float | None] = {}
        self.dropped: list[tuple[str, int]] = []
        self.asked: list[str] = []
        self.error: Exception | None = None

    async def get(self, shard: Shard, entry: str) -> Held | None:
        self.asked.append(entry)
        if self.error is not None:
            raise self.error
        return self.copies.get((shard, entry))

    async def offer(
        self, shard: Shard, entry: str, held: Held, granted: int, expires: float | None = None
    ) -> None:
        if self.error is not None:
            raise self.error
        self.copies[shard, entry], self.granted[entry], self.expires[entry] = held, granted, expires

    def drop(self, shard: Shard, entry: str, version: int) -> None:
        self.dropped.append((entry, version))

    def copy(self, entry: str) -> bytes | None:
        return next((held.value for (_, name), held in self.copies.items() if name == entry), None)


@pytest.fixture
def tier() -> Tier:
    return Tier()


@pytest.fixture
async def relaxed(client: Client, tier: Tier) -> AsyncIterator[Cache[bytes]]:
    """A relaxed cache with the tier, of a client that has joined it."""
    cache = client.cache(NAME, tier=tier)
    await cache.create(mode="RELAXED")
    await cache.get("nothing")
    tier.asked.clear()
    yield cache


async def reader(join: Join, tier: Tier) -> Cache[bytes]:
    """Another client of the cache, which has joined it."""
    cache: Cache[bytes] = (await join()).cache(NAME, tier=tier)
    await cache.get("nothing")
    tier.asked.clear()
    return cache


def reads(worker: CacheWorker) -> int:
    return sum(isinstance(command, c.ReadEntry) for command in worker.seen)


async def test_what_was_written_is_offered_with_the_token_of_its_version(
    relaxed: Cache[bytes], tier: Tier
) -> None:
    version = await relaxed.put("x", b"1", ttl=60)
    await until(lambda: "x" in tier.granted)
    assert tier.copies == {(Shard("dev/" + NAME, _partition(tier)), "x"): Held(version, b"1")}
    assert tier.granted["x"] == version
    expires = tier.expires["x"]
    assert expires is not None
    assert 50 < expires <= 60


def _partition(tier: Tier) -> int:
    return next(iter(tier.copies))[0].partition


async def test_a_miss_is_answered_by_the_tier_and_the_second_one_gets_a_line(
    relaxed: Cache[bytes], tier: Tier, join: Join, worker: CacheWorker
) -> None:
    await relaxed.put("x", b"1")
    await until(lambda: "x" in tier.granted)
    there = await reader(join, tier)
    before = reads(worker)
    assert before
    assert await there.get("x") == b"1"
    assert (reads(worker), there.local.tier_hits, there.hit("x")) == (before, 1, None)
    assert await there.get("x") == b"1"
    assert (there.local.tier_hits, there.hit("x")) == (1, b"1")
    assert tier.asked == ["x"]


async def test_what_was_read_is_offered_with_the_token_of_its_line(
    relaxed: Cache[bytes], tier: Tier, join: Join
) -> None:
    version = await relaxed.put("x", b"1", keep="INVALID")
    await until(lambda: "x" in tier.granted)
    tier.copies.clear()
    tier.granted.clear()
    there = await reader(join, tier)
    await there.get("x")
    await until(lambda: "x" in tier.granted)
    assert tier.granted["x"] > version
    assert tier.copy("x") == b"1"


async def test_a_strict_cache_never_asks_or_offers(client: Client, tier: Tier) -> None:
    cache = client.cache(NAME, tier=tier)
    await cache.create(mode="STRICT")
    await cache.put("x", b"1", keep="INVALID")
    assert await cache.get("x") == b"1"
    await cache.get("y")
    await asyncio.sleep(0)
    assert not tier.asked
    assert not tier.copies


async def test_nothing_is_asked_of_the_tier_before_the_mode_is_known(
    relaxed: Cache[bytes], join: Join, tier: Tier
) -> None:
    await relaxed.put("x", b"1")
    cache = (await join()).cache(NAME, tier=tier)
    assert await cache.get("x") == b"1"
    assert not tier.asked


async def test_an_exact_read_asks_the_directory(relaxed: Cache[bytes], tier: Tier, join: Join) -> None:
    version = await relaxed.put("x", b"1")
    there = await reader(join, tier)
    assert await there.get_versioned("x") == (b"1", version)
    assert not tier.asked


async def test_a_line_held_modified_is_offered_to_nobody(relaxed: Cache[bytes], tier: Tier) -> None:
    await relaxed.put("x", b"1", keep="MODIFIED")
    await relaxed.put("x", b"2", keep="MODIFIED")
    await asyncio.sleep(0)
    assert not tier.copies


async def test_the_writer_is_shown_no_copy_of_before(relaxed: Cache[bytes], tier: Tier) -> None:
    first = await relaxed.put("x", b"1")
    second = await relaxed.put("x", b"2")
    assert tier.dropped == [("x", first - 1), ("x", second - 1)]
    await relaxed.delete("x")
    assert tier.dropped[-1] == ("x", second)


async def test_who_wrote_back_is_shown_no_copy_of_before(relaxed: Cache[bytes], tier: Tier) -> None:
    await relaxed.put("x", b"1", keep="MODIFIED")
    await relaxed.put("x", b"2", keep="MODIFIED")
    await relaxed.flush()
    found = await relaxed.get_versioned("x")
    assert found is not None
    assert ("x", found[1] - 1) in tier.dropped


async def test_who_is_called_away_is_shown_no_copy_of_before(
    relaxed: Cache[bytes], tier: Tier, join: Join
) -> None:
    there = await reader(join, tier)
    version = await relaxed.put("x", b"1")
    await there.get("x")
    await there.get("x")
    tier.dropped.clear()
    await relaxed.put("x", b"2")
    await until(lambda: there.hit("x") is None)
    assert max(dropped for _, dropped in tier.dropped) >= version


async def test_a_tier_that_raises_is_left_out(relaxed: Cache[bytes], tier: Tier, join: Join) -> None:
    there = await reader(join, tier)
    tier.error = RuntimeError("broken")
    await relaxed.put("x", b"1")
    assert await there.get("x") == b"1"
