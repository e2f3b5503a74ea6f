"""Loader and writer on a real Redis: what they bring, and what they say when it fails or hangs."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tidelock.client.caches.ports import Loaded
from tidelock.client.caches.redis_source import RedisValues
from tidelock.client.errors import BadArgument, SourceRefused, SourceTimedOut, SourceUnavailable
from tidelock.client.queues.codecs import Bytes, Json
from tidelock.local.stack import LocalStack
from tidelock.local.testing import stack_for_tests

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("sinks"),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    async with stack_for_tests(tmp_path_factory.mktemp("redis"), ("redis",)) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def redis(stack: LocalStack) -> AsyncIterator["Redis"]:
    made = Redis.from_url(str(stack.addresses.redis))
    await made.flushall()
    yield made
    await made.aclose()


async def test_a_key_is_written_loaded_replaced_and_deleted(redis: "Redis") -> None:
    values = RedisValues(redis, codec=Json(), prefix="p:", ttl=9.0)
    assert await values.load("a") is None
    await values.write("a", {"n": 1})
    await values.write("a", {"n": 1})
    assert await values.load("a") == Loaded({"n": 1}, ttl=9.0)
    assert await redis.keys() == [b"p:a"]
    assert await redis.ttl("p:a") == -1
    await values.write("a", None)
    await values.write("a", None)
    assert await values.load("a") is None


async def test_keys_expire_if_they_are_to(redis: "Redis") -> None:
    await RedisValues(redis, codec=Bytes(), expire=50.0).write("a", b"x")
    assert 0 < await redis.pttl("a") <= 50_000


async def test_what_redis_refuses_is_refused(redis: "Redis") -> None:
    values = RedisValues(redis, codec=Json())
    await redis.lpush("list", "x")
    with pytest.raises(SourceRefused, match="another type"):
        await values.load("list")
    await redis.set("text", "{no JSON")
    with pytest.raises(SourceRefused, match="codec"):
        await values.load("text")


async def test_a_server_that_falls_silent_is_given_up(redis: "Redis", stack: LocalStack) -> None:
    values = RedisValues(redis, codec=Bytes(), within=0.05)
    await values.write("a", b"x")
    stack.part("redis").freeze()
    try:
        with pytest.raises(SourceTimedOut):
            await values.load("a")
        with pytest.raises(SourceTimedOut):
            await values.write("a", b"y")
    finally:
        stack.part("redis").thaw()
    patient = RedisValues(redis, codec=Bytes(), within=30)
    assert await patient.load("a") in (Loaded(b"x"), Loaded(b"y"))


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    nobody = Redis(port=1, retry=Retry(NoBackoff(), 0))
    with pytest.raises(SourceUnavailable, match="try again"):
        await RedisValues(nobody, codec=Bytes()).load("a")
    await nobody.aclose()


def test_a_client_that_decodes_is_refused() -> None:
    with pytest.raises(BadArgument, match="decode_responses"):
        RedisValues(Redis(decode_responses=True), codec=Bytes())
