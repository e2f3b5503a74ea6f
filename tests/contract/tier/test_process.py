"""The process that follows the log, with a real tier: one server, and a cluster."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import RedisCluster

from streams.log.positions import PartitionId
from streams.processes import follower
from streams.processes.tier import partition
from streams.processes.tier import process as shell
from streams.processes.tier.process import TierProcess
from streams.wire.tier import names
from tests.contract.tier.conftest import KEY, OF, Realm
from tests.unit.processes.test_tier import HERE, WORDS, Book, Logs, Tail, Watch, written
from tests.unit.processes.test_tier_partitions import SeveralLogs, Tails
from tidelock.client.caches.ports import Held, Shard

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("tier"),
    pytest.mark.asyncio(loop_scope="module"),
]
PATIENCE_S = 60.0
SHARD = Shard(KEY, HERE.partition)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "SIGN_S", 0.05)
    monkeypatch.setattr(shell, "GATHER_S", 0.01)
    monkeypatch.setattr(partition, "RETRY_S", 0.01)
    monkeypatch.setattr(follower, "RETRY_S", 0.01)


@asynccontextmanager
async def following(realm: Realm, book: Book) -> AsyncIterator[TierProcess]:
    process = TierProcess(WORDS, [HERE], Tail(book), Logs(book), realm.store, Watch())
    task = asyncio.create_task(process.run())
    try:
        yield process
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(there: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await there():
            await asyncio.sleep(0.01)


async def kept(realm: Realm, entry: str, version: int, shard: Shard = SHARD) -> None:
    """Offer until it is kept: there is a sign."""

    async def is_kept() -> bool:
        await realm.tier.offer(shard, entry, Held(version, b"x"), version)
        return await realm.tier.get(shard, entry) == Held(version, b"x")

    await until(is_kept)


async def test_what_the_log_changes_is_shown_no_more(realm: Realm) -> None:
    book = Book().happened(written("a"), key=KEY)
    async with following(realm, book):
        await kept(realm, "b", 2)
        book.happened(written("b"), written("b"), key=KEY)

        async def gone() -> bool:
            return await realm.tier.get(SHARD, "b") is None

        await until(gone)


async def test_a_mark_that_is_lost_is_made_anew_and_the_next_process_goes_on_from_it(realm: Realm) -> None:
    book = Book().happened(written("a"), written("b"), written("c"), key=KEY)
    async with following(realm, book):
        await kept(realm, "z", 4)
        await realm.keeping.delete(OF.mark)
        await kept(realm, "z", 5)
    book.happened(written("z"), written("z"), written("z"), key=KEY)
    await realm.keeping.delete(OF.sign)
    async with following(realm, book):
        await kept(realm, "y", 6)
        assert await realm.tier.get(SHARD, "z") is None


async def test_a_node_of_a_cluster_that_hangs_costs_the_partitions_on_it_alone(realm: Realm) -> None:
    keeping = realm.keeping
    if not isinstance(keeping, RedisCluster):
        pytest.skip("one server has no other nodes")
    await keeping.initialize()
    node_of = {number: keeping.get_node_from_key(names("tidelock", number).mark) for number in range(16)}
    ill = PartitionId("caches", 0)
    well = next(PartitionId("caches", number) for number in node_of if node_of[number] != node_of[0])
    books = {where: Book().happened(written("a"), key=KEY) for where in (ill, well)}
    there = Shard(KEY, well.partition)
    process = TierProcess(WORDS, [ill, well], Tails(books), SeveralLogs(books), realm.store, Watch())
    hanging = node_of[0]
    assert hanging is not None
    running = asyncio.create_task(process.run())
    try:
        await kept(realm, "a", 9)
        await keeping.execute_command("CLIENT PAUSE", 600_000, "WRITE", target_nodes=hanging)
        for token in range(2, 6):  # each needs a sign, and a change that is taken away
            books[ill].happened(written("b"), key=KEY)
            await kept(realm, "b", token - 1, there)
            books[well].happened(written("b"), key=KEY)

            async def gone() -> bool:
                return await realm.tier.get(there, "b") is None

            await until(gone)
    finally:
        await keeping.execute_command("CLIENT UNPAUSE", target_nodes=hanging)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
