"""One Redis server, and a cluster of three."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis, RedisCluster

from storage.redis.hot import client
from storage.redis.tier import RedisTierStore, cluster
from streams.log.checkpoint import START, Checkpoint
from streams.log.positions import PartitionId
from streams.projections.tier import Change, Stretch
from streams.wire.tier import names
from tests.contract.tier.cluster import redis_cluster
from tidelock.client.caches.ports import Held, Shard
from tidelock.client.caches.redis_tier import RedisTier
from tidelock.local.testing import stack_for_tests

LOG = "l1"
KEY = "acme/products"


def at(offset: int, events: int = 0) -> Checkpoint:
    return replace(START, next_offset=offset, events=events)


class Realm:
    """An empty tier, as the process has it and as a client has it."""

    def __init__(self, url: str, *, clustered: bool) -> None:
        self.url = url
        self.clustered = clustered
        self.keeping: Redis | RedisCluster = cluster(url) if clustered else client(url)
        self.reading: Redis | RedisCluster = RedisCluster.from_url(url) if clustered else Redis.from_url(url)
        self.store = RedisTierStore(self.keeping)
        self.tier = RedisTier(self.reading, within=10.0)

    async def followed(self, partition: int = 0, since: int = 0) -> None:
        """Have a process say that it stands at the end of an empty log."""
        await self.store.begin(PartitionId("caches", partition), LOG, since, at(0))
        await self.signed(0, partition)

    async def signed(self, offset: int, partition: int = 0) -> None:
        where = PartitionId("caches", partition)
        now = await self.store.sign(where, LOG, offset, 0)
        assert now is not None
        assert await self.store.sign(where, LOG, offset, now) is not None

    async def change(
        self, start: int, end: int, *changes: Change, since: int = 0, partition: int = 0
    ) -> bool:
        where = PartitionId("caches", partition)
        return await self.store.apply(where, LOG, Stretch(start, at(end), changes, since))

    async def offer(self, entry: str, version: int, granted: int, content: bytes = b"x", **more: Any) -> None:
        await self.tier.offer(shard(), entry, Held(version, content), granted, **more)

    async def get(self, entry: str, partition: int = 0) -> Held | None:
        return await self.tier.get(shard(partition), entry)

    async def ttl(self, name: str) -> int:
        return int(await self.keeping.pttl(name))

    async def close(self) -> None:
        await self.keeping.aclose()
        await self.reading.aclose()


def shard(partition: int = 0) -> Shard:
    return Shard(KEY, partition)


def change(entry: str, token: int) -> Change:
    return Change(KEY, entry, token)


OF = names("tidelock", 0)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["server", "cluster"])
async def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    home = tmp_path_factory.mktemp("tier")
    if request.param == "cluster":
        async with redis_cluster(home) as address:
            yield f"cluster {address}"
        return
    async with stack_for_tests(home, ("redis",)) as stack:
        yield f"server {stack.addresses.redis}"


@pytest_asyncio.fixture(loop_scope="module")
async def realm(url: str) -> AsyncIterator[Realm]:
    """An empty tier."""
    sort, _, address = url.partition(" ")
    made = Realm(address, clustered=sort == "cluster")
    await made.keeping.flushall()
    yield made
    await made.close()
