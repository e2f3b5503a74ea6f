"""A client on a clock that stands still, connected to a worker that decides queues."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.client.queues.server import QueueWorker
from tests.unit.client.worker import FakeClock
from tidelock.client.client import Client, connect
from tidelock.client.queues.codecs import Json
from tidelock.client.queues.queue import Queue


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def worker(clock: FakeClock) -> AsyncIterator[QueueWorker]:
    worker = await QueueWorker(clock).start()
    yield worker
    await worker.stop()


@pytest.fixture
async def client(clock: FakeClock, worker: QueueWorker) -> AsyncIterator[Client]:
    client = await connect(worker.address, token="t", clock=clock)
    yield client
    await client._session.close()


@pytest.fixture
async def other(clock: FakeClock, worker: QueueWorker) -> AsyncIterator[Client]:
    client = await connect(worker.address, token="t", clock=clock)
    yield client
    await client._session.close()


@pytest.fixture
async def queue(client: Client) -> Queue[object]:
    queue: Queue[object] = client.queue("orders", codec=Json())
    await queue.create()
    return queue
