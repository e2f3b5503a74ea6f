"""A client on a clock that stands still, connected to a worker that does what the test says."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.client.worker import FakeClock, FakeWorker
from tidelock.client.client import Client, connect


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def worker(clock: FakeClock) -> AsyncIterator[FakeWorker]:
    worker = await FakeWorker(clock).start()
    yield worker
    await worker.stop()


@pytest.fixture
async def client(clock: FakeClock, worker: FakeWorker) -> AsyncIterator[Client]:
    client = await connect(worker.address, token="t", clock=clock)
    await worker.hellos.get()
    yield client
    await client._session.close()
