"""Redis away, silent or full: there are no copies, nobody is told an error, and Redis is left alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tidelock.client.caches.ports import Held, Shard
from tidelock.client.caches.redis_tier import RedisTier
from tidelock.client.errors import BadArgument
from tidelock.client.nodes.breaker import BreakerTerms

HERE = Shard("dev/c", 0)
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Now:
    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


class Server:
    """Speaks as much of Redis's protocol as to answer each command with the same bytes, or with nothing."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.commands = 0
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                words = [await self._word(reader) for _ in range(int(line[1:]))]
                if words[0] in (b"CLIENT", b"HELLO"):
                    writer.write(b"+OK\r\n" if words[0] == b"CLIENT" else b"%0\r\n")
                    continue
                self.commands += 1
                writer.write(self.answer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _word(self, reader: asyncio.StreamReader) -> bytes:
        length = int((await reader.readline())[1:])
        return (await reader.readexactly(length + 2))[:-2]


@asynccontextmanager
async def served(answer: bytes) -> AsyncIterator[Server]:
    server = Server(answer)
    listening = await asyncio.start_server(server._serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


@asynccontextmanager
async def tier_of(port: int, now: Now, within: float = 30.0) -> AsyncIterator[RedisTier]:
    redis = Redis(port=port, retry=Retry(NoBackoff(), 0), single_connection_client=False)
    try:
        yield RedisTier(redis, within=within, terms=BreakerTerms(2, 1.0), now=now)
    finally:
        await redis.aclose()


async def test_a_redis_that_is_away_is_left_alone_after_some_failures() -> None:
    now = Now()
    async with tier_of(1, now) as tier:
        for _ in range(5):
            assert await tier.get(HERE, "a") is None
            await tier.offer(HERE, "a", Held(1, b"x"), 1)
        assert (tier.counts.failures, tier.counts.skipped) == (2, 8)
        assert isinstance(tier.trouble, Exception)


async def test_of_many_callers_one_tries_again() -> None:
    now = Now()
    async with served(b"-LOADING it loads\r\n") as server, tier_of(server.port, now) as tier:
        for _ in range(2):
            await tier.get(HERE, "a")
        now.s += 1.0
        before = server.commands
        await asyncio.gather(*[tier.get(HERE, str(number)) for number in range(100)])
        assert server.commands == before + 1
        now.s += 2.0
        server.answer = b":1\r\n"
        await tier.get(HERE, "a")
        assert await asyncio.gather(*[tier.get(HERE, "a") for _ in range(3)]) == [None] * 3
        assert tier.counts.misses == 4


async def test_a_redis_that_says_nothing_costs_its_time_and_no_more() -> None:
    now = Now()
    async with served(b"") as server, tier_of(server.port, now, within=0.01) as tier:
        for _ in range(4):
            assert await tier.get(HERE, "a") is None
        assert (tier.counts.failures, tier.counts.skipped) == (2, 2)
        assert server.commands <= 2


async def test_a_redis_without_room_is_still_read() -> None:
    now = Now()
    async with served(b"-OOM command not allowed\r\n") as server, tier_of(server.port, now) as tier:
        for _ in range(5):
            await tier.offer(HERE, "a", Held(1, b"x"), 1)
        assert tier.counts.failures == 5
        server.answer = b":1\r\n"
        assert await tier.get(HERE, "a") is None
        assert tier.counts.misses == 1


async def test_who_gives_up_has_told_nothing_of_redis() -> None:
    now = Now()
    async with served(b"") as server, tier_of(server.port, now) as tier:
        for _ in range(3):
            asking = asyncio.create_task(tier.get(HERE, "a"))
            while server.commands < 1:
                await asyncio.sleep(0)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            server.commands = 0
        assert (tier.counts.failures, tier.counts.skipped) == (0, 0)


def test_a_client_that_decodes_or_times_that_make_no_sense_are_refused() -> None:
    with pytest.raises(BadArgument, match="decode_responses"):
        RedisTier(Redis(decode_responses=True))
    for within, ttl in ((0.0, 1.0), (1.0, 0.0)):
        with pytest.raises(BadArgument, match="more"):
            RedisTier(Redis(), within=within, ttl=ttl)
