"""Leases of a consumer: what is extended, what is lost, what goes back unread."""

import asyncio
import logging

import pytest

from streams.domain.queues.commands import AckMessages, ExtendLeases, NackMessages, ReceiveMessages
from tests.unit.client.queues.log import acked, came_back
from tests.unit.client.queues.server import QueueWorker, let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.queues import leases
from tidelock.client.queues.queue import Queue


async def test_leases_are_extended_while_a_handler_works(
    queue: Queue[object], worker: QueueWorker, clock: FakeClock
) -> None:
    await queue.put(1)
    async with queue.consume() as consumer:
        message = await consumer.get()
        assert message is not None
        await let_pass(clock, 120)
        assert not message.is_lost
        assert message.expires_in() > 10
        assert 6 <= len(worker.of(ExtendLeases)) <= 10
        await message.ack()
    assert acked(worker) == 1


async def test_a_message_whose_lease_cannot_be_extended_is_lost_and_its_ack_is_refused(
    queue: Queue[object], clock: FakeClock
) -> None:
    await queue.put(1)
    async with queue.consume(auto_extend=False) as consumer:
        message = await consumer.get()
        assert message is not None
        await let_pass(clock, 29.9)
        await until(lambda: message.is_lost, clock)
        await let_pass(clock, 2)
        again = await consumer.get()
        assert again is not None
        assert again.attempt == 2
        with pytest.raises(errors.ReceiptInvalid) as caught:
            await message.ack()
        assert (caught.value.problem, caught.value.queue) == ("NOT_LEASED", "orders")


async def test_what_lies_ready_for_half_its_lease_goes_back_until_somebody_wants_it(
    queue: Queue[object], worker: QueueWorker, clock: FakeClock
) -> None:
    await queue.put_many(range(4))
    async with queue.consume(prefetch=4) as consumer:
        first = await consumer.get()
        assert first is not None
        await let_pass(clock, 15)
        await until(lambda: came_back(worker, 0) == 3)
        receives = len(worker.of(ReceiveMessages))
        await let_pass(clock, 10)
        await asyncio.sleep(0.01)
        assert len(worker.of(ReceiveMessages)) == receives  # nobody asks
        await first.ack()
        second = await consumer.get()
        assert second is not None
        assert (second.payload, second.attempt) == (1, 1)
        assert second.expires_in() > 29


async def test_a_prefetched_message_whose_lease_may_be_over_is_not_handed_out(
    queue: Queue[object], worker: QueueWorker, clock: FakeClock
) -> None:
    await queue.put_many(range(2))
    async with queue.consume(prefetch=2) as consumer:
        first = await consumer.get()
        assert first is not None
        worker.held = (NackMessages, ExtendLeases)
        clock.time += 40  # the machine slept: no timer fired
        getting = asyncio.create_task(consumer.get())
        await asyncio.sleep(0.01)
        assert not getting.done()
        worker.let()
        await let_pass(clock, 3)
        message = await getting
        assert message is not None
        assert message.expires_in() > 20


async def test_an_ack_of_unknown_outcome_frees_one_place_and_ends_the_extending(
    queue: Queue[object], worker: QueueWorker, clock: FakeClock
) -> None:
    await queue.configure(lease=300)
    await queue.put_many(range(4))
    async with queue.consume(prefetch=4, concurrency=1) as consumer:
        first = await consumer.get()
        assert first is not None
        worker.held = (AckMessages,)
        acking = asyncio.create_task(first.ack())
        await let_pass(clock, 61)
        with pytest.raises(errors.OutcomeUnknown):
            await acking
        second = await consumer.get()
        assert second is not None
        again = asyncio.create_task(first.ack())
        third = asyncio.create_task(consumer.get())
        await let_pass(clock, 230)
        assert not third.done()
        extended = {each.message for command in worker.of(ExtendLeases) for each in command.receipts}
        assert extended == {second.id.number}
        again.cancel()


async def test_an_ack_of_unknown_outcome_that_nobody_retries_makes_room_when_the_lease_ends(
    queue: Queue[object], worker: QueueWorker, clock: FakeClock
) -> None:
    await queue.put(1)
    async with queue.consume(prefetch=1, lease=100) as consumer:
        message = await consumer.get()
        assert message is not None
        worker.held = (AckMessages,)
        acking = asyncio.create_task(message.ack())
        await let_pass(clock, 61)
        with pytest.raises(errors.OutcomeUnknown):
            await acking
        worker.held = ()
        assert not message.is_lost
        getting = asyncio.create_task(consumer.get())
        await let_pass(clock, 45)
        assert message.is_lost
        again = await getting
        assert again is not None
        assert again.attempt == 2


async def test_whoever_works_for_too_long_loses_the_message_and_is_told_why(
    queue: Queue[object], clock: FakeClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(leases, "MAX_WORK_S", 60.0)
    await queue.put(1)
    async with queue.consume() as consumer:
        message = await consumer.get()
        assert message is not None
        with caplog.at_level(logging.WARNING, "tidelock.queues"):
            await let_pass(clock, 100)
        assert message.is_lost
        assert "12 hours at most" in caplog.text
