"""Locks from their hot copies in a real Redis, which may lose everything, be killed, and come back."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from api.context import context_of
from api.hot import HotLocks
from api.identity import DevelopmentToken
from api.schema import build
from api.services import Services
from api.sessions import Sessions
from storage.postgres.pool import pool
from storage.postgres.reads import SETTINGS, PostgresLockReads
from storage.postgres.reads_progress import PostgresProgress
from storage.redis.hot import RedisHotStore, client
from storage.redis.reader import reader
from streams.wire.murmur2 import partition_of
from tests.integration.api.stage import Stage, until
from tests.unit.api.world import PARTITIONS, MemoryEnds, no_workers

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

NAMES = [f"hot/{number}" for number in range(8)]
FIELDS = """name partition mode holderCount waiterCount token delayUntilLeaseMs since changedAt position
    holders { principal client handle token mode ttlMs untilLeaseMs lockDelayMs transaction { id startedAt } since }
    asOf { positions time }"""
ONE = f"query ($name: String!) {{ lock(name: $name) {{ {FIELDS} }} }}"
ALL = (
    "{ "
    + " ".join(f'n{n}: lock(name: "{name}") {{ {FIELDS} }}' for n, name in enumerate([*NAMES, "never"]))
    + " }"
)


@dataclass
class Nodes:
    """Two ways to the same locks: by the hot copies, and without."""

    hot: Services
    stored: Services
    reads: PostgresLockReads

    async def ask(self, services: Services, query: str = ALL, **variables: Any) -> dict[str, Any]:
        context = context_of(services, services.authenticator.identify("t"))
        result = await build().answer(query, variables, None, context)
        assert not result.errors
        assert result.data is not None
        return result.data

    async def statements(self, query: str = ALL) -> int:
        """Return how many statements PostgreSQL is asked for the answer by hot copies."""
        before = self.reads.statements
        await self.ask(self.hot, query)
        return self.reads.statements - before

    async def from_copies(self) -> bool:
        return await self.statements() == 0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def nodes(stage: Stage) -> AsyncIterator[Nodes]:
    locks = (await stage.client()).locks
    for name in NAMES[:4]:
        await locks.acquire(name, ttl=600)
    for handle in ("a", "b"):
        await locks.acquire(NAMES[4], shared=True, ttl=600, handle=handle)
    brief = await locks.acquire(NAMES[5], ttl=600)
    await locks.release(brief)
    progress = PostgresProgress(stage.postgres, SETTINGS)
    progress.open()
    redis = reader(str(stage.stack.addresses.redis))
    async with pool(stage.postgres, SETTINGS) as connections:
        reads, tokens = PostgresLockReads(connections), DevelopmentToken("t", "dev", "dev")
        hot = HotLocks(RedisHotStore(redis), progress)
        several = [
            Services(
                tokens, reads, progress, MemoryEnds(), Sessions(no_workers), {"locks": PARTITIONS}, b"", each
            )
            for each in (hot, None)
        ]
        assert len({partition_of(f"dev/{name}", PARTITIONS) for name in NAMES}) > 1
        nodes = Nodes(several[0], several[1], reads)
        await until(nodes.from_copies)
        yield nodes
    await redis.aclose()
    await progress.close()


async def test_what_the_copies_tell_is_what_the_read_model_tells(nodes: Nodes) -> None:
    async def equal() -> bool:
        return await nodes.ask(nodes.hot) == await nodes.ask(nodes.stored)

    await until(equal)
    assert await nodes.statements() == 0
    found = (await nodes.ask(nodes.hot, ONE, name=NAMES[4]))["lock"]
    assert (found["mode"], len(found["holders"])) == ("SHARED", 2)
    assert await nodes.statements(f'{{ lock(name: "{NAMES[4]}") {{ name waiters {{ ticket }} }} }}') == 1


async def test_whoever_names_the_position_of_its_change_sees_it(stage: Stage, nodes: Nodes) -> None:
    query = "query ($n: String!, $p: Position) { lock(name: $n, notBefore: $p) { holders { token } } }"
    locks = (await stage.client()).locks
    for _ in range(30):
        lock = await locks.acquire("hot/seen", ttl=600)
        seen = await stage.ask(query, n="hot/seen", p=str(lock.position))
        assert seen["lock"]["holders"] == [{"token": str(lock.token)}]
        await locks.release(lock)


async def test_flushed_it_is_built_anew_and_meanwhile_nobody_misses_it(stage: Stage, nodes: Nodes) -> None:
    redis = client(str(stage.stack.addresses.redis))
    try:
        await redis.flushall()
    finally:
        await redis.aclose()
    assert await nodes.ask(nodes.hot) == await nodes.ask(nodes.stored)
    await until(nodes.from_copies)
    assert await nodes.ask(nodes.hot) == await nodes.ask(nodes.stored)


async def test_killed_it_costs_nobody_an_answer_and_started_again_it_serves(
    stage: Stage, nodes: Nodes
) -> None:
    part = stage.stack.part("redis")
    restarts = part.restarts
    part.kill(signal.SIGKILL)
    for node in (0, 1):
        assert "errors" not in await stage.post(ONE, node, name=NAMES[0])
    answer = await nodes.ask(nodes.hot)
    assert [lock["mode"] for lock in answer.values()][:5] == ["EXCLUSIVE"] * 4 + ["SHARED"]
    await part.wait_restarted(restarts)
    await until(nodes.from_copies)
    assert await nodes.ask(nodes.hot) == await nodes.ask(nodes.stored)


async def test_a_redis_that_hangs_is_not_waited_for(stage: Stage, nodes: Nodes) -> None:
    part = stage.stack.part("redis")
    part.kill(signal.SIGSTOP)
    try:
        answers = [await nodes.ask(nodes.hot) for _ in range(3)]
    finally:
        part.kill(signal.SIGCONT)
    assert answers[0] == answers[-1] == await nodes.ask(nodes.stored)
    await until(nodes.from_copies)
