"""Who iterates on without settling is told why nothing comes any more."""

import asyncio
import logging

import pytest

from tests.unit.client.queues.server import QueueWorker, let_pass
from tests.unit.client.worker import FakeClock
from tidelock.client.queues.message import Message
from tidelock.client.queues.queue import Queue
from tidelock.client.queues.starvation import PATIENCE_S

TOLD = "Settle each: `async with message:`"


@pytest.fixture(autouse=True)
def warned(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "tidelock.queues")
    return caplog


@pytest.mark.parametrize("limit", [{"prefetch": 3}, {"prefetch": 8, "concurrency": 3}])
async def test_whoever_never_settles_is_told_once(
    queue: Queue[object],
    worker: QueueWorker,
    clock: FakeClock,
    warned: pytest.LogCaptureFixture,
    limit: dict[str, int],
) -> None:
    await queue.put_many(range(5))
    got: list[Message[object]] = []

    async def iterate() -> None:
        async for message in queue.consume(**limit):  # type: ignore[arg-type]
            got.append(message)

    iterating = asyncio.create_task(iterate())
    await let_pass(clock, 5 * PATIENCE_S)
    assert len(got) == 3
    assert warned.text.count(TOLD) == 1
    assert "all 3 that may be worked on" in warned.text
    iterating.cancel()
    await asyncio.gather(iterating, return_exceptions=True)


async def test_whoever_settles_at_the_end_of_a_block_is_not(
    queue: Queue[object], clock: FakeClock, warned: pytest.LogCaptureFixture
) -> None:
    await queue.put_many(range(3))
    async with queue.consume(prefetch=1) as consumer:
        message = await consumer.get()
        assert message is not None
        async with message:
            getting = asyncio.create_task(consumer.get())
            await let_pass(clock, 5 * PATIENCE_S)
            assert not getting.done()
        assert await getting is not None
    assert TOLD not in warned.text


async def test_whoever_settles_now_and_then_is_not(
    queue: Queue[object], clock: FakeClock, warned: pytest.LogCaptureFixture
) -> None:
    await queue.put_many(range(9))
    async with queue.consume(prefetch=2) as consumer:
        held = [await consumer.get(), await consumer.get()]
        for _ in range(7):
            getting = asyncio.create_task(consumer.get())
            await let_pass(clock, 0.7 * PATIENCE_S)
            first = held.pop(0)
            assert first is not None
            await first.ack()
            held.append(await getting)
    assert TOLD not in warned.text


async def test_nobody_is_told_who_does_not_ask_for_more(
    queue: Queue[object], clock: FakeClock, warned: pytest.LogCaptureFixture
) -> None:
    await queue.put_many(range(3))
    async with queue.consume(prefetch=1) as consumer:
        assert await consumer.get() is not None
        getting = asyncio.create_task(consumer.get())
        await let_pass(clock, 1)
        getting.cancel()
        await let_pass(clock, 5 * PATIENCE_S)
    assert TOLD not in warned.text
