"""What Redis adds to the contract: it may lose everything at any time, and be away."""

import gc
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from storage.redis.hot import RedisHotStore, client
from streams.projections.hot import HotPlace
from streams.projections.ports import RowRefused, SinkUnavailable
from tests.contract.sinks.conftest import redis_store
from tests.contract.sinks.test_hot_store import COPY, told
from tidelock.local.stack import LocalStack
from tidelock.local.testing import stack_for_tests

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("sinks"),
    pytest.mark.asyncio(loop_scope="module"),
]


KEY = "tidelock:{toy_items@1:toys/3}"
"""One hash tag: all of a copy is on one node of a cluster."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    async with stack_for_tests(tmp_path_factory.mktemp("redis"), ("redis",)) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def hot(stack: LocalStack) -> AsyncIterator[RedisHotStore]:
    async with redis_store(stack) as store:
        yield store


@pytest_asyncio.fixture(loop_scope="module")
async def redis(stack: LocalStack) -> AsyncIterator["Redis"]:
    """A way beside the store."""
    connection = client(str(stack.addresses.redis))
    yield connection
    await connection.aclose()


async def test_what_was_flushed_is_built_anew(hot: RedisHotStore, redis: "Redis") -> None:
    await hot.replace(COPY, HotPlace(5), {"a": "1"})
    await redis.flushall()
    assert not await hot.apply(COPY, HotPlace(5), HotPlace(6), {"a": "2"})
    await hot.replace(COPY, HotPlace(6), {"a": "2"})
    assert await hot.apply(COPY, HotPlace(6), HotPlace(7), {"b": "1"})
    assert await told(hot, ["a", "b"]) == (7, {"a": "2", "b": "1"})


async def test_scripts_that_redis_forgot_are_told_again(hot: RedisHotStore, redis: "Redis") -> None:
    await hot.replace(COPY, HotPlace(5), {"a": "1"})
    await redis.script_flush()
    assert await hot.apply(COPY, HotPlace(5), HotPlace(6), {"a": "2"})
    await redis.script_flush()
    await hot.replace(COPY, HotPlace(7), {"a": "3"})
    assert await told(hot, ["a"]) == (7, {"a": "3"})


async def test_after_a_restart_the_copy_is_gone_and_the_connections_are_new(
    hot: RedisHotStore, stack: LocalStack
) -> None:
    await hot.replace(COPY, HotPlace(5), {"a": "1"})
    restarts = stack.part("redis").restarts
    stack.part("redis").kill()
    with pytest.raises(SinkUnavailable):
        while True:
            await told(hot, ["a"])
    await stack.part("redis").wait_restarted(restarts)
    assert not await hot.apply(COPY, HotPlace(5), HotPlace(6), {"a": "2"})
    await hot.replace(COPY, HotPlace(6), {"a": "2"})
    assert await told(hot, ["a"]) == (6, {"a": "2"})


async def test_a_server_that_is_away_is_named_at_once() -> None:
    nobody = client("redis://127.0.0.1:1/0")
    for does in (
        RedisHotStore(nobody).get({COPY: ["a"]}),
        RedisHotStore(nobody).apply(COPY, HotPlace(1), HotPlace(2), {}),
        RedisHotStore(nobody).replace(COPY, HotPlace(2), {}),
    ):
        with pytest.raises(SinkUnavailable, match="toy_items@1 toys/3"):
            await does
    await nobody.aclose()


async def test_half_a_character_is_refused(hot: RedisHotStore) -> None:
    with pytest.raises(RowRefused):
        await hot.replace(COPY, HotPlace(5), {"a": "\ud800"})
    with pytest.raises(RowRefused):
        await hot.apply(COPY, HotPlace(5), HotPlace(6), {"\ud800": "a"})


async def test_every_write_makes_the_copy_last_longer(hot: RedisHotStore, redis: "Redis") -> None:
    await hot.replace(COPY, HotPlace(5), {"a": "1"})
    assert 50_000 < await redis.pttl(KEY) <= 60_000
    await redis.pexpire(KEY, 1_000)
    assert await hot.apply(COPY, HotPlace(5), HotPlace(6), {})
    assert 50_000 < await redis.pttl(KEY) <= 60_000


async def test_a_copy_is_one_key_and_what_replaces_it_leaves_no_other(
    hot: RedisHotStore, redis: "Redis"
) -> None:
    await hot.replace(COPY, HotPlace(50), {str(number): "x" for number in range(5_000)})
    await hot.replace(COPY, HotPlace(7), {"older": "x"})
    await hot.replace(COPY, HotPlace(51), {"newer": "x"})
    assert await redis.keys() == [KEY]


async def test_a_copy_lost_while_it_is_built_is_not_put_in_place(
    hot: RedisHotStore, redis: "Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    await hot.replace(COPY, HotPlace(5), {"a": "1"})
    build = hot._build

    async def lose(built: str, end: HotPlace, rows: Mapping[str, str], log: str) -> None:
        await build(built, end, rows, log)
        await redis.hdel(built, "=b")

    monkeypatch.setattr(hot, "_build", lose)
    with pytest.raises(SinkUnavailable, match="Try again"):
        await hot.replace(COPY, HotPlace(6), {"a": "2", "b": "2"})
    assert await told(hot, ["a", "b"]) == (5, {"a": "1"})
    assert await redis.keys() == [KEY]


async def test_a_copy_whose_building_fails_leaves_nothing_behind(
    hot: RedisHotStore, redis: "Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    build = hot._build

    async def fail(built: str, end: HotPlace, rows: Mapping[str, str], log: str) -> None:
        await build(built, end, rows, log)
        raise ConnectionResetError("in the middle")

    monkeypatch.setattr(hot, "_build", fail)
    with pytest.raises(SinkUnavailable, match="in the middle"):
        await hot.replace(COPY, HotPlace(6), {"a": "2"})
    assert await redis.keys() == []


async def test_a_copy_that_redis_has_no_memory_for_is_not_kept_here(
    hot: RedisHotStore, redis: "Redis"
) -> None:
    class Rows(dict[str, str]):
        """Rows that can be looked for."""

    await redis.config_set("maxmemory", 1)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            with pytest.raises(SinkUnavailable, match="maxmemory"):
                await hot.replace(COPY, HotPlace(6), Rows(a="1"))
        kept = [one for one in gc.get_objects() if isinstance(one, Rows)]
    finally:
        gc.enable()
        await redis.config_set("maxmemory", 0)
    assert not kept
