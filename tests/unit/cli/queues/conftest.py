"""A queue of bytes, as the command line has it, and a worker in memory that decides it."""

import pytest

from tests.unit.client.queues.conftest import client, clock, worker
from tidelock.client.client import Client
from tidelock.client.queues.queue import Queue

__all__ = ["client", "clock", "worker"]


@pytest.fixture
async def orders(client: Client) -> Queue[bytes]:
    queue = client.queue("orders")
    await queue.create()
    return queue
