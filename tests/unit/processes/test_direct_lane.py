"""The mover's lane over the real client: what an answer means to the mover."""

from collections.abc import AsyncIterator

import pytest

from streams.domain.queues.commands import NewMessage, Origin
from streams.domain.queues.settings import QueueRoute
from streams.processes.direct_lane import ClientQueueLane
from streams.processes.lane import LaneRefused
from tests.unit.client.queues.server import QueueWorker
from tests.unit.client.worker import FakeClock
from tidelock.client.client import Client, connect

LETTER = NewMessage(b"x", None, None, -1, 0, "d", (), 0, Origin("orders", "0.1.1", "no", 1))


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    clock = FakeClock()
    worker = await QueueWorker(clock).start()
    client = await connect(worker.address, token="t", clock=clock)
    yield client
    await client._session.close()
    await worker.stop()


async def test_another_route_is_a_refusal_that_says_so(client: Client) -> None:
    queue, lane = client.queue("dead"), ClientQueueLane(client)
    await queue.create(shards=2)
    with pytest.raises(LaneRefused) as refused:
        await lane.enqueue("dead", 1, 9, (LETTER,))
    assert refused.value.refusal == "STALE_ROUTE"


async def test_a_shard_that_is_behind_is_told_the_route(client: Client) -> None:
    lane, route = ClientQueueLane(client), QueueRoute(2, 1, 2)
    await client.queue("dead").create(shards=2)
    await lane.tell("dead", 1, route)
    assert await lane.route("dead", 1) == route
    assert (await lane.route("dead")).epoch == 1


async def test_a_name_that_no_queue_can_have_is_refused_for_good(client: Client) -> None:
    with pytest.raises(LaneRefused) as refused:
        await ClientQueueLane(client).route("x" * 1_000)
    assert refused.value.refusal in {"BAD_ARGUMENT", "BAD_NAME"}
