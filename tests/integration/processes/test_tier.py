"""Copies of a relaxed cache on the real stack, while the process that follows the log is frozen and Redis is killed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from redis.asyncio import Redis

import tidelock
from tests.integration.engine.cluster import until
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.ports import Shard
from tidelock.client.client import Client
from tidelock.local.stack import LocalStack
from tidelock.local.testing import stack_for_tests
from tidelock.local.tokens import DEV
from tidelock.sources import RedisTier

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("processes"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    home = tmp_path_factory.mktemp("tier")
    async with stack_for_tests(home, ("kafka", "redis"), workers=1, processes=1) as running:
        yield running


class Reader:
    """A client of a cache, with the tier, that keeps no lines: each read is a miss."""

    def __init__(self, cache: Cache[bytes], tier: RedisTier) -> None:
        self.cache, self.tier = cache, tier


@pytest_asyncio.fixture(loop_scope="module")
async def opened(stack: LocalStack) -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made


async def reader(stack: LocalStack, opened: AsyncExitStack, name: str, mode: str = "RELAXED") -> Reader:
    token = DEV.chosen(stack.settings.home)
    client: Client = await opened.enter_async_context(tidelock.connect(*stack.addresses.workers, token=token))
    redis = Redis.from_url(str(stack.addresses.redis))
    opened.push_async_callback(redis.aclose)
    tier = RedisTier(redis, within=10.0)
    cache: Cache[bytes] = client.cache(name, tier=tier)
    await cache.create(mode="STRICT" if mode == "STRICT" else "RELAXED")
    await cache.get("nothing")
    return Reader(cache, tier)


async def is_copied(one: Reader, entry: str, content: bytes) -> None:
    """Put until a copy is kept: a process says that it follows."""

    async def kept() -> bool:
        before = one.tier.counts.kept
        await one.cache.put(entry, content)
        await until(lambda: _settled(one, before))
        return one.tier.counts.kept > before

    await until(kept)


async def _settled(one: Reader, before: int) -> bool:
    return not one.tier._asking


async def test_others_read_the_copy_until_the_log_says_that_it_changed(
    stack: LocalStack, opened: AsyncExitStack
) -> None:
    writer, other = await reader(stack, opened, "a"), await reader(stack, opened, "a")
    await is_copied(writer, "x", b"1")
    assert await other.cache.get("x") == b"1"
    assert other.cache.local.tier_hits == 1
    async with _without_tier(stack, "a") as beside:
        await beside.delete("x")

    async def gone() -> bool:
        fresh = await reader(stack, opened, "a")
        return await fresh.cache.get("x") is None

    await until(gone)


def _without_tier(stack: LocalStack, name: str) -> "_Beside":
    return _Beside(stack, name)


class _Beside:
    """A client that knows nothing of the tier: what it does reaches Redis by the log alone."""

    def __init__(self, stack: LocalStack, name: str) -> None:
        self._name = name
        self._connecting = tidelock.connect(*stack.addresses.workers, token=DEV.chosen(stack.settings.home))

    async def __aenter__(self) -> Cache[bytes]:
        client = await self._connecting.__aenter__()
        return client.cache(self._name)

    async def __aexit__(self, *ended: object) -> None:
        await self._connecting.__aexit__(None, None, None)


async def test_a_frozen_process_leaves_no_copy_shown_for_longer_than_its_sign(
    stack: LocalStack, opened: AsyncExitStack
) -> None:
    writer, other = await reader(stack, opened, "b"), await reader(stack, opened, "b")
    await is_copied(writer, "x", b"1")
    process = stack.part("processes-0")
    process.freeze()
    try:
        async with _without_tier(stack, "b") as beside:
            await beside.put("x", b"2")

            async def unsigned() -> bool:
                await other.tier.get(_shard(writer), "x")
                return other.tier.counts.unsigned > 0

            await until(unsigned)
            fresh = await reader(stack, opened, "b")
            assert await fresh.cache.get("x") == b"2"
            assert fresh.cache.local.tier_hits == 0
    finally:
        process.thaw()
    await is_copied(writer, "y", b"3")
    copy = await other.tier.get(_shard(writer), "x")
    assert copy is None or copy.value == b"2"


def _shard(one: Reader) -> Shard:
    access = one.cache._access
    return access.caches.told(access.name, 0)


async def test_a_process_that_is_killed_goes_on_where_its_mark_stands(
    stack: LocalStack, opened: AsyncExitStack
) -> None:
    writer = await reader(stack, opened, "c")
    await is_copied(writer, "x", b"1")
    process = stack.part("processes-0")
    restarts = process.restarts
    process.kill()
    async with _without_tier(stack, "c") as beside:
        await beside.put("x", b"2")
    await process.wait_restarted(restarts)
    await is_copied(writer, "y", b"1")
    copy = await writer.tier.get(_shard(writer), "x")
    assert copy is None or copy.value == b"2"


async def test_a_redis_that_is_killed_costs_copies_and_nothing_else(
    stack: LocalStack, opened: AsyncExitStack
) -> None:
    writer, other = await reader(stack, opened, "d"), await reader(stack, opened, "d")
    await is_copied(writer, "x", b"1")
    redis = stack.part("redis")
    restarts = redis.restarts
    redis.kill()
    for number in range(5):
        await writer.cache.put("x", b"%d" % number, keep="INVALID")
        assert await writer.cache.get("x") == b"%d" % number
    assert await other.cache.get("x") is not None
    await redis.wait_restarted(restarts)
    await is_copied(writer, "x", b"again")


async def test_a_strict_cache_leaves_redis_alone(stack: LocalStack, opened: AsyncExitStack) -> None:
    strict = await reader(stack, opened, "e", "STRICT")
    await strict.cache.put("x", b"1", keep="INVALID")
    assert await strict.cache.get("x") == b"1"
    counts = strict.tier.counts
    assert (counts.hits, counts.misses, counts.kept, counts.unsigned) == (0, 0, 0, 0)
