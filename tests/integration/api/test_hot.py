"""Hot copies in a real Redis, which may lose everything, be killed, hang, and come back."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest
import pytest_asyncio

from api.context import context_of
from api.hot.copies import HotCopies
from api.hot.kinds import Hot
from api.hot.rows import HotRows
from api.identity import DevelopmentToken
from api.schema import build
from api.services import Services
from api.sessions import Sessions
from storage.kafka.topic_facts import ends_of
from storage.postgres.pool import pool
from storage.postgres.reads import SETTINGS, PostgresLockReads
from storage.postgres.reads_caches import PostgresCacheReads
from storage.postgres.reads_nodes import PostgresNodeReads
from storage.postgres.reads_progress import PostgresProgress
from storage.postgres.reads_queues import PostgresQueueReads
from storage.redis.hot import RedisHotStore, client
from storage.redis.reader import reader
from streams.log.positions import DEAD_LETTERS, PartitionId
from streams.projections.hot import HotCopy, hot_copy
from streams.projections.ports import SinkUnavailable
from streams.read_models import PROJECTIONS
from streams.wire.murmur2 import partition_of
from tests.integration.api.stage import Stage, until
from tests.unit.api.world import PARTITIONS, MemoryEnds, no_workers

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

NAMES = [f"hot/{number}" for number in range(8)]
KINDS = ("locks", "queues", "caches", "nodes")
FIELDS = """name partition mode holderCount waiterCount token delayUntilLeaseMs since changedAt position
    holders { principal client handle token mode ttlMs untilLeaseMs lockDelayMs transaction { id startedAt } since }"""
ONE = f"query ($name: String!) {{ lock(name: $name) {{ {FIELDS} asOf {{ positions time }} }} }}"
OTHERS = """
    queue(name: "hot/orders") { name messages bytes waiting depth { ready delayed leased dead moving total }
        settings { maxAttempts leaseMs paused broadcast } route { epoch previous } }
    one: queue(name: "hot/one") { name depth { total } } none: queue(name: "hot/none") { name }
    cache(name: "hot/prices") { name version closing settings { maxEntries mode } counts { entries bytes } }
    node(name: "hot-node") { name zone labels { name value } }"""
ALL = (
    "{ " + " ".join(f'n{n}: lock(name: "{name}") {{ {FIELDS} }}' for n, name in enumerate([*NAMES, "never"]))
    + OTHERS + " }"
)  # fmt: skip


@dataclass
class Nodes:
    """Two ways to the same: by the hot copies, and without."""

    hot: Services
    stored: Services

    async def ask(self, services: Services, query: str = ALL, **variables: Any) -> dict[str, Any]:
        context = context_of(services, services.authenticator.identify("t"))
        result = await build().answer(query, variables, None, context)
        assert not result.errors
        assert result.data is not None
        return result.data

    async def statements(self, query: str = ALL) -> int:
        """Return how many statements PostgreSQL is asked for the answer by hot copies."""
        before = self._asked()
        await self.ask(self.hot, query)
        return self._asked() - before

    def _asked(self) -> int:
        of = self.hot
        return sum(getattr(one, "statements", 0) for one in (of.reads, of.queues, of.caches, of.nodes))

    async def from_copies(self) -> bool:
        return await self.statements() == 0

    async def equal(self) -> bool:
        return await self.ask(self.hot) == await self.ask(self.stored)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def nodes(stage: Stage) -> AsyncIterator[Nodes]:
    user = await stage.client()
    for name in NAMES[:4]:
        await user.locks.acquire(name, ttl=600)
    for handle in ("a", "b"):
        await user.locks.acquire(NAMES[4], shared=True, ttl=600, handle=handle)
    await user.locks.release(await user.locks.acquire(NAMES[5], ttl=600))
    await user.queue("hot/orders").create(shards=5, max_attempts=3)
    for number in range(12):
        await user.queue("hot/orders").put(b"x" * number, key=str(number), delay=600 if number % 3 else 0)
    await user.queue("hot/one").create()
    await user.queue("hot/one").put(b"1")
    await stage.client(node="hot-node")
    await user.cache("hot/prices").create(shards=3)
    for number in range(9):
        await user.cache("hot/prices").put(f"entry-{number}", bytes(number))
    progress = PostgresProgress(stage.postgres, SETTINGS)
    progress.open()
    redis = reader(str(stage.stack.addresses.redis))
    partitions = dict.fromkeys(KINDS, PARTITIONS)
    async with pool(stage.postgres, SETTINGS) as connections:
        copies = Hot.of(HotRows(HotCopies(RedisHotStore(redis)), progress), partitions)
        several = [
            Services(
                DevelopmentToken("t", "dev", "dev"), PostgresLockReads(connections), progress, MemoryEnds(),
                Sessions(no_workers), partitions, b"", each, queues=PostgresQueueReads(connections),
                caches=PostgresCacheReads(connections), nodes=PostgresNodeReads(connections),
            )
            for each in (copies, None)
        ]  # fmt: skip
        assert len({partition_of(f"dev/{name}", PARTITIONS) for name in NAMES}) > 1
        nodes = Nodes(several[0], several[1])
        await until(nodes.from_copies)
        yield nodes
    await redis.aclose()
    await progress.close()


async def test_what_the_copies_tell_is_what_the_read_models_tell(nodes: Nodes) -> None:
    await until(nodes.equal)
    await until(nodes.from_copies)
    found = await nodes.ask(nodes.hot)
    assert (found["n4"]["mode"], len(found["n4"]["holders"])) == ("SHARED", 2)
    assert found["queue"]["depth"] == {
        "ready": 4, "delayed": 8, "leased": 0, "dead": 0, "moving": 0, "total": 12,
    }  # fmt: skip
    assert found["cache"]["counts"] == {"entries": 9, "bytes": "36"}
    assert (found["one"]["depth"]["total"], found["none"], found["node"]["name"]) == (1, None, "hot-node")
    assert await nodes.statements(f'{{ lock(name: "{NAMES[4]}") {{ name waiters {{ ticket }} }} }}') == 1
    assert await nodes.statements('{ queue(name: "hot/orders") { shards { shard } } }') == 1


async def test_whoever_names_the_position_of_its_change_sees_it(stage: Stage, nodes: Nodes) -> None:
    query = "query ($n: String!, $p: Position) { lock(name: $n, notBefore: $p) { holders { token } } }"
    depth = 'query ($p: [Position!]) { queue(name: "hot/seen", notBefore: $p) { depth { total } } }'
    user = await stage.client()
    await user.queue("hot/seen").create()
    for number in range(1, 31):
        lock = await user.locks.acquire("hot/seen", ttl=600)
        put = await user.queue("hot/seen").put(b"x")
        seen = await stage.ask(query, n="hot/seen", p=str(lock.position))
        assert seen["lock"]["holders"] == [{"token": str(lock.token)}]
        assert (await stage.ask(depth, p=[str(put.position)]))["queue"]["depth"] == {"total": number}
        await user.locks.release(lock)


async def test_flushed_it_is_built_anew_and_meanwhile_nobody_misses_it(stage: Stage, nodes: Nodes) -> None:
    redis = client(str(stage.stack.addresses.redis))
    try:
        await redis.flushall()
    finally:
        await redis.aclose()
    assert await nodes.equal()
    await until(nodes.from_copies)
    assert await nodes.equal()


@dataclass
class Copies:
    """All copies that there are, looked at time and again beside everybody: none ever goes back."""

    stage: Stage
    seen: dict[HotCopy, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    looks: int = 0

    async def look(self) -> None:
        redis = client(str(self.stage.stack.addresses.redis))
        hot = [one for one in PROJECTIONS if one.hot is not None and one.kept == "rows"]
        copies = [
            hot_copy(one, PartitionId(one.kind, number)) for one, number in product(hot, range(PARTITIONS))
        ]
        try:
            while True:
                with suppress(SinkUnavailable):
                    found = await RedisHotStore(redis).get(dict.fromkeys(copies, ()))
                    for copy, told in found.items():
                        self._saw(copy, told.next_offset)
                    self.looks += 1
                await asyncio.sleep(0.01)
        finally:
            await redis.aclose()

    async def looked(self, looks: int) -> None:
        """Wait until they were looked at so often."""

        async def done() -> bool:
            return self.looks >= looks

        await until(done)

    def _saw(self, copy: HotCopy, at: int | None) -> None:
        if at is None:
            return
        if at < self.seen.get(copy, 0):
            self.wrong.append(f"{copy} stood at {self.seen[copy]}, then at {at}")
        self.seen[copy] = at


@dataclass
class Users:
    """Some write, and some ask an API node; whoever is refused an answer says so."""

    stage: Stage
    written: int = 0
    answered: int = 0
    refused: list[Any] = field(default_factory=list)

    async def write(self) -> None:
        user = await self.stage.client()
        queue, cache = user.queue("hot/busy"), user.cache("hot/busy")
        await queue.create(shards=4)
        await cache.create(shards=2)
        while True:
            lock = await user.locks.acquire(f"hot/busy/{self.written % 20}", ttl=5.0)
            await queue.put(b"x", key=str(self.written))
            await cache.put(str(self.written % 20), b"x")
            await user.locks.release(lock)
            self.written += 1

    async def ask(self) -> None:
        while True:
            answer = await self.stage.post(
                """{ lock(name: "hot/0") { mode } node(name: "hot-node") { name }
                queue(name: "hot/busy") { depth { total } } cache(name: "hot/busy") { counts { entries } } }""",
                self.answered % 2,
            )
            if "errors" in answer or answer["data"]["lock"] != {"mode": "EXCLUSIVE"}:
                self.refused.append(answer)
            self.answered += 1

    async def go_on(self, count: int = 15) -> None:
        """Wait until both did so much more."""
        written, answered = self.written + count, self.answered + count

        async def done() -> bool:
            return self.written >= written and self.answered >= answered

        await until(done)


@asynccontextmanager
async def beside(*works: Any) -> AsyncIterator[None]:
    """Have them done meanwhile; what ends one of them fails."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
        assert not [task for task in tasks if task.done()]
    finally:
        pending = set(tasks)
        while pending:  # a driver that is cancelled while its server dies may tell of the death alone
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=1.0)


async def test_killed_and_frozen_under_load_it_costs_no_answer_and_comes_back_right(
    stage: Stage, nodes: Nodes
) -> None:
    """Reads go on from PostgreSQL, writes do not wait, no copy is older than it was, and nothing is put aside."""
    part, users, copies = stage.stack.part("redis"), Users(stage), Copies(stage)
    async with beside(users.write(), users.ask(), copies.look()):
        await users.go_on()
        for fault in (signal.SIGKILL, signal.SIGSTOP, signal.SIGKILL):
            restarts, looks = part.restarts, copies.looks
            part.kill(fault)
            await users.go_on()
            if fault == signal.SIGSTOP:
                part.thaw()
            else:
                await part.wait_restarted(restarts)
            await users.go_on()
            await copies.looked(looks + 20)
    assert (users.refused, copies.wrong) == ([], [])
    assert len(copies.seen) == len(KINDS) * PARTITIONS
    await until(nodes.from_copies)
    await until(nodes.equal)
    assert sum((await ends_of(stage.stack.addresses.kafka, [DEAD_LETTERS])).values()) == 0
