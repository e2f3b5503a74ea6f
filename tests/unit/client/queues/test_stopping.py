"""How consuming ends: what goes back, what is waited for, and for how long."""

import asyncio
import logging

import pytest

import tidelock
from streams.domain.queues.commands import InspectQueue, NackMessages, ReceiveMessages, WithdrawReceive
from tests.unit.client.queues.log import came_back
from tests.unit.client.queues.server import QueueWorker, let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock.client.client import Client
from tidelock.client.queues.consumer import STOP_S
from tidelock.client.queues.message import Message
from tidelock.client.queues.queue import Queue
from tidelock.client.queues.shelf import MOMENT_S


async def test_breaking_off_gives_back_what_lies_ready(queue: Queue[object], worker: QueueWorker) -> None:
    await queue.put_many(range(10))
    async for message in queue.consume(prefetch=10):
        async with message:
            break
    await until(lambda: came_back(worker, 0) == 9)
    assert [each.attempt for each in await queue.receive(10)] == [1] * 9


async def test_stop_ends_the_iteration_takes_the_receive_back_and_leaves_what_is_worked_on(
    queue: Queue[object], worker: QueueWorker, clock: FakeClock
) -> None:
    await queue.put_many(range(3))
    consumer = queue.consume(prefetch=5)
    first = await consumer.get()
    assert first is not None
    waiting = asyncio.create_task(_rest(consumer))

    def asked_again() -> bool:
        clock.turn(MOMENT_S)
        return waiting.done() or len(worker.of(ReceiveMessages)) == 2

    await until(asked_again)
    await consumer.stop()
    assert [each.payload for each in await waiting] == [1, 2][: len(await waiting)]
    await until(lambda: len(worker.of(WithdrawReceive)) == 1)
    assert not first.is_settled
    await first.ack()
    assert await consumer.get() is None
    await queue.put(9)
    (later,) = await queue.receive()
    assert later.attempt == 1


async def _rest(consumer: tidelock.Consumer[object]) -> list[Message[object]]:
    return [message async for message in consumer]


async def test_closing_the_client_gives_back_what_it_leases(
    queue: Queue[object], client: Client, other: Client, worker: QueueWorker, clock: FakeClock
) -> None:
    await queue.put_many(range(5))
    consumer = queue.consume(prefetch=5)
    assert await consumer.get() is not None
    closing = asyncio.create_task(client.close())
    await until(closing.done, clock)
    await until(lambda: came_back(worker, 0) == 5)
    assert len(await other.queue("orders").receive(10)) == 5
    assert await consumer.get() is None


async def test_stop_while_the_route_is_asked_for_ends_the_iteration_cleanly(
    queue: Queue[object], worker: QueueWorker
) -> None:
    worker.held, worker.seen = (InspectQueue,), []
    consumer = queue.consume()
    waiting = [asyncio.create_task(_rest(consumer)) for _ in range(2)]
    await until(lambda: len(worker.of(InspectQueue)) == 1)
    await consumer.stop()
    assert await asyncio.gather(*waiting) == [[], []]


async def test_closing_the_client_while_the_route_is_asked_for_ends_the_iteration(
    queue: Queue[object], client: Client, worker: QueueWorker, clock: FakeClock
) -> None:
    worker.held, worker.seen = (InspectQueue,), []
    waiting = asyncio.create_task(_rest(queue.consume()))
    await until(lambda: len(worker.of(InspectQueue)) == 1)
    closing = asyncio.create_task(client.close())
    await until(closing.done, clock)
    assert await waiting == []


async def test_stop_waits_two_seconds_for_a_silent_worker_and_says_so_once(
    queue: Queue[object], worker: QueueWorker, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    await queue.put_many(range(3))
    consumer = queue.consume(prefetch=3)
    assert await consumer.get() is not None
    worker.held = (NackMessages,)
    with caplog.at_level(logging.WARNING, "tidelock.queues"):
        stopping = [asyncio.create_task(consumer.stop()) for _ in range(2)]
        await let_pass(clock, STOP_S - 0.1)
        assert not any(each.done() for each in stopping)
        await let_pass(clock, 0.2)
        await asyncio.gather(*stopping)
        await consumer.stop()
    assert [each.getMessage()[:23] for each in caplog.records] == ["2 prefetched messages o"]
    worker.let()
    await until(lambda: came_back(worker, 0) == 2)
