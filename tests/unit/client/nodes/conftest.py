"""Clients on a clock that stands still, connected to a worker that decides nodes, locks and queues."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from tests.unit.client.nodes.server import KINDS, NodeWorker
from tests.unit.client.worker import FakeClock
from tidelock.client.client import Client, connect
from tidelock.client.nodes.node import Node

Join: TypeAlias = Callable[..., Awaitable[Client]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def worker(clock: FakeClock) -> AsyncIterator[NodeWorker]:
    worker = await NodeWorker(clock).start()
    yield worker
    await worker.stop()


@pytest.fixture
async def join(clock: FakeClock, worker: NodeWorker) -> AsyncIterator[Join]:
    """Connect another client: as the node `name`, or (None) as none."""
    clients = []

    async def joined(name: str | None = "n1", **options: Any) -> Client:
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
    return await join("n1", address="10.0.0.1:80", zone="z1")


@pytest.fixture
async def other(join: Join) -> Client:
    return await join("n2", address="10.0.0.2:80", zone="z2")
