"""Clients on a clock that stands still, connected to a worker that decides caches."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from tests.unit.client.caches.server import KINDS, CacheWorker
from tests.unit.client.worker import FakeClock
from tidelock.client.caches.cache import Cache
from tidelock.client.client import Client, connect
from tidelock.client.nodes.node import Node

Join: TypeAlias = Callable[..., Awaitable[Client]]
NAME = "prices"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def worker(clock: FakeClock) -> AsyncIterator[CacheWorker]:
    worker = CacheWorker(clock)
    await worker.start()
    yield worker
    await worker.stop()


@pytest.fixture
async def join(clock: FakeClock, worker: CacheWorker) -> AsyncIterator[Join]:
    """Connect another client: as the node `name`, or (None) as none."""
    clients = []

    async def joined(name: str | None = None, **options: Any) -> Client:
        node = None if name is None else Node(name, **options)
        client = await connect(worker.address, token="t", clock=clock, kinds=KINDS, node=node)
        clients.append(client)
        return client

    yield joined
    for client in clients:
        await client._session.close()
        if client._presence is not None:
            client._presence._stop()


@pytest.fixture
async def client(join: Join) -> Client:
    return await join()


@pytest.fixture
async def other(join: Join) -> Client:
    return await join()


@pytest.fixture
async def cache(client: Client) -> Cache[bytes]:
    cache = client.cache(NAME)
    await cache.create()
    return cache


@pytest.fixture
async def there(cache: Cache[bytes], other: Client) -> Cache[bytes]:
    """The same cache, as another client has it."""
    return other.cache(NAME)
