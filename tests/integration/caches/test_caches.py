"""Caches on a real Kafka: clients and workers as processes that are killed and frozen while others read and write."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.engine.cluster import PATIENCE_S, Cluster, WorkerProcess, until
from tests.integration.engine.conftest import broker
from tidelock.client.caches.cache import Cache
from tidelock.client.client import Client
from tidelock.client.errors import CacheError
from tidelock.client.queues.codecs import Json
from tidelock.local.stack import LocalStack

__all__ = ["broker"]
pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("queues"),
]
LEASE_S = 1.5


class Role:
    """One client in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def __call__(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Return what a method of its cache returns, or the code of its error."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([method, arguments, options]).encode() + b"\n")
        async with asyncio.timeout(PATIENCE_S):
            _, told = json.loads(await self.process.stdout.readline())
        return told


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster(broker: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    one = Cluster(broker, tmp_path_factory.mktemp("caches"))
    try:
        for name in ("caches-1", "caches-2"):
            worker = await one.worker(name)
            await until(worker.ready, 2 * PATIENCE_S)
        yield one
    finally:
        await one.end()


@pytest_asyncio.fixture(loop_scope="session")
async def client(cluster: Cluster) -> AsyncIterator[Client]:
    async with cluster.connect() as client:
        yield client


async def made(client: Client, name: str, **options: Any) -> Cache[Any]:
    cache = client.cache(name, codec=Json())
    await cache.create(read_lease=LEASE_S, **options)
    return cache


@asynccontextmanager
async def other(cluster: Cluster, cache: str) -> AsyncIterator[Role]:
    """Another process that uses the cache."""
    workers = ",".join(worker.address for worker in cluster.workers)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.caches.role", workers, cache,
        stdin=pipe, stdout=pipe, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    try:
        yield Role(process)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()


async def test_two_processes_see_each_others_writes(cluster: Cluster, client: Client) -> None:
    cache = await made(client, "both", shards=2)
    async with other(cluster, "both") as there:
        for number in range(20):
            name = f"e{number % 4}"
            assert await there("put", name, number, keep="MODIFIED" if number % 2 else "EXCLUSIVE") >= 0
            assert await cache.get(name) == number
            await cache.put(name, -number)
            assert await there("get", name) == -number


async def test_who_create_it_at_once_with_other_shards_end_up_with_one_cache(cluster: Cluster) -> None:
    """The number is the first shard's: whoever was refused, and whoever comes later, finds entries where all do."""
    async with cluster.connect() as one, cluster.connect() as two, cluster.connect() as late:
        for name in (f"race{number}" for number in range(20)):
            caches = (one.cache(name, codec=Json()), two.cache(name, codec=Json()))
            asked = [cache.create(shards=number) for cache, number in zip(caches, (5, 3), strict=True)]
            told = await asyncio.gather(*asked, return_exceptions=True)
            assert [each.code for each in told if isinstance(each, CacheError)] == ["CACHE_EXISTS"]
            assert len((await caches[0].stats()).shards) == (5, 3)[told.index(True)]
            for number in range(9):
                await caches[number % 2].put(f"e{number}", number)
            assert [await late.cache(name, codec=Json()).get(f"e{number}") for number in range(9)] == [
                *range(9)
            ]


async def test_a_frozen_client_holds_up_a_write_for_its_lease_and_wakes_to_the_new_value(
    cluster: Cluster, client: Client
) -> None:
    cache = await made(client, "frozen")
    async with other(cluster, "frozen") as there:
        await cache.put("x", 1)
        assert await there("get", "x") == 1
        assert await there("hit", "x") == 1
        there.process.send_signal(signal.SIGSTOP)
        await cache.put("x", 2)
        there.process.send_signal(signal.SIGCONT)
        assert await there("hit", "x") is None
        assert await there("get", "x") == 2


async def test_what_a_killed_client_wrote_to_its_line_alone_is_lost(cluster: Cluster, client: Client) -> None:
    cache = await made(client, "killed")
    async with other(cluster, "killed") as there:
        await there("put", "x", 1, keep="MODIFIED")
        assert await there("put", "x", 2, keep="MODIFIED") == 0
        there.process.send_signal(signal.SIGKILL)
        assert await cache.get("x") == 1


async def test_a_late_write_back_is_refused_and_said_so(cluster: Cluster, client: Client) -> None:
    cache = await made(client, "late")
    async with other(cluster, "late") as there:
        await there("put", "x", 1, keep="MODIFIED")
        assert await there("put", "x", 2, keep="MODIFIED") == 0
        there.process.send_signal(signal.SIGSTOP)
        assert await cache.get("x") == 1
        there.process.send_signal(signal.SIGCONT)

        async def told() -> bool:
            said: Any = await there("flush")
            return bool(said == "LINE_LOST")

        await until(told)
        assert await there("get", "x") == 1


async def owner(cluster: Cluster, client: Client, name: str) -> WorkerProcess:
    """Return the worker that decides on the cache."""
    number = client._session.partition_of("caches", name).number

    async def leader() -> WorkerProcess | None:
        for worker in cluster.workers:
            if number in await worker.leads("caches"):
                return worker
        return None

    found: WorkerProcess = await until(leader)
    return found


async def test_a_worker_that_is_killed_is_followed_by_another_that_calls_lines_away(
    cluster: Cluster, client: Client
) -> None:
    cache = await made(client, "worker-killed")
    async with other(cluster, "worker-killed") as there:
        await cache.put("x", 1)
        assert await there("get", "x") == 1
        worker = await owner(cluster, client, "worker-killed")
        worker.send(signal.SIGKILL)
        await worker.exit_code()
        await cache.put("x", 2)
        assert await there("get", "x") == 2
        await there("put", "x", 3)
        assert await cache.get("x") == 3
        await worker.start()
        await until(worker.ready)


async def test_while_the_worker_is_frozen_nothing_is_served_past_the_lease(
    cluster: Cluster, client: Client
) -> None:
    cache = await made(client, "worker-frozen")
    await cache.put("x", 1)
    assert cache.hit("x") == 1
    frozen = cluster.workers[:]
    for worker in frozen:
        worker.send(signal.SIGSTOP)
    try:
        await until(lambda: cache.hit("x") is None)
    finally:
        for worker in frozen:
            worker.send(signal.SIGCONT)
    assert await cache.get("x") == 1
    await cache.put("x", 2)
    assert cache.hit("x") == 2
