"""Receiving single messages: by the newest route, whatever others do with the queue."""

import asyncio

import pytest

from streams.domain.queues.commands import InspectQueue, ReceiveMessages
from streams.wire.shards import shard_of
from tests.unit.client.queues.server import QueueWorker, let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.client import Client
from tidelock.client.queues.queue import Queue
from tidelock.client.queues.routes import FRESH_S


@pytest.fixture
async def theirs(other: Client) -> Queue[bytes]:
    """The queue as another client uses it."""
    queue = other.queue("wide")
    await queue.create(dedup_window=0)
    return queue


async def test_a_resize_by_somebody_else_is_heard_of_in_time(
    client: Client, theirs: Queue[bytes], worker: QueueWorker, clock: FakeClock
) -> None:
    queue = client.queue("wide")
    assert await queue.receive() == []
    await theirs.resize(4)
    await theirs.put_many([b"x"] * 40)
    await let_pass(clock, FRESH_S)
    found = [message for _ in range(8) for message in await queue.receive(40)]
    assert len(found) == 40
    assert {each.id.shard for each in found} == {0, 1, 2, 3}
    inspected = len(worker.of(InspectQueue))
    await queue.receive()
    assert len(worker.of(InspectQueue)) == inspected


async def test_a_wait_that_a_resize_ends_goes_on_in_the_new_shards(
    client: Client, theirs: Queue[bytes], worker: QueueWorker, clock: FakeClock
) -> None:
    waiting = asyncio.create_task(client.queue("wide").receive(wait=20))
    await until(lambda: len(worker.of(ReceiveMessages)) == 1)
    await theirs.resize(4)
    await until(lambda: {each.shard for each in worker.of(ReceiveMessages) if each.wait_ms} == {0, 1, 2, 3})
    key = next(key for key in "abcdefgh" if shard_of(key, 4))
    put = await theirs.put(b"x", key=key)
    assert [message.id for message in await waiting] == [put.id]


async def test_a_wait_that_a_resize_ends_lasts_no_longer_for_that(
    client: Client, theirs: Queue[bytes], worker: QueueWorker, clock: FakeClock
) -> None:
    waiting = asyncio.create_task(client.queue("wide").receive(wait=20))
    await until(lambda: len(worker.of(ReceiveMessages)) == 1)
    await let_pass(clock, 15)
    await theirs.resize(2)
    await let_pass(clock, 6)
    await until(waiting.done)
    assert await waiting == []


async def test_a_wait_by_an_old_route_finds_new_shards_too(
    client: Client, theirs: Queue[bytes], worker: QueueWorker, clock: FakeClock
) -> None:
    queue = client.queue("wide")
    assert await queue.receive() == []
    await theirs.resize(4)
    await theirs.put(b"x", key=next(key for key in "abcdefgh" if shard_of(key, 4)))
    waiting = asyncio.create_task(queue.receive(wait=600))
    await until(waiting.done, clock)
    assert [message.payload for message in await waiting] == [b"x"]


async def test_a_queue_that_was_made_anew_with_fewer_shards_is_found(
    client: Client, theirs: Queue[bytes]
) -> None:
    queue = client.queue("wide")
    await theirs.resize(4)
    assert await queue.receive() == []
    await theirs.delete()
    await theirs.create()
    await theirs.put_many([b"x"] * 5)
    assert [len(await queue.receive()) for _ in range(5)] == [1] * 5
    await theirs.delete(force=True)
    with pytest.raises(errors.QueueUnknown):
        await queue.receive()


async def test_a_queue_of_which_shards_are_missing_says_what_to_do(client: Client) -> None:
    queue = client.queue("q")
    await queue.create(shards=3)
    await client.queues.delete("q", shard=2)
    with pytest.raises(errors.QueueIncomplete) as caught:
        await queue.receive()
    assert (caught.value.queue, caught.value.code) == ("q", "QUEUE_INCOMPLETE")
    assert caught.value.detail("shard") == "2"


@pytest.mark.parametrize("wait", [-1, 86_401, float("nan"), "long"])
async def test_absurd_waits_are_refused(queue: Queue[object], wait: float) -> None:
    with pytest.raises(errors.BadArgument):
        await queue.receive(wait=wait)
