"""Settling: acknowledgements travel together, and each caller learns of his own."""

import asyncio

import pytest

from streams.domain.queues.commands import AckMessages, ExtendLeases, NackMessages
from tests.unit.client.queues.server import QueueWorker, let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.client import Client
from tidelock.client.queues.queue import Queue


async def test_acks_made_meanwhile_travel_together(queue: Queue[object], worker: QueueWorker) -> None:
    await queue.put_many(range(8))
    messages = await queue.receive(8)
    worker.held = (AckMessages,)
    acks = [asyncio.create_task(each.ack()) for each in messages]
    await until(lambda: len(worker.of(AckMessages)) == 1)
    worker.let()
    await asyncio.gather(*acks)
    assert [len(each.receipts) for each in worker.of(AckMessages)] == [1, 7]


async def test_many_at_once_are_one_command(queue: Queue[object], worker: QueueWorker) -> None:
    await queue.put_many(range(8))
    await queue.ack(*await queue.receive(8))
    assert [len(each.receipts) for each in worker.of(AckMessages)] == [8]
    assert (await queue.stats()).messages == 0


async def test_of_acks_in_one_command_only_the_late_ones_fail(
    queue: Queue[object], worker: QueueWorker
) -> None:
    await queue.put_many(range(3))
    first, second, third = await queue.receive(3)
    await queue.ack(second.receipt)
    outcomes = await asyncio.gather(first.ack(), second.ack(), third.ack(), return_exceptions=True)
    assert [type(each) for each in outcomes] == [type(None), errors.ReceiptInvalid, type(None)]


async def test_a_late_ack_of_a_message_that_was_delivered_anew_is_refused(
    queue: Queue[object], clock: FakeClock
) -> None:
    await queue.configure(backoff_min=0, backoff_max=0)
    await queue.put(1)
    (silent,) = await queue.receive(lease=5)
    await let_pass(clock, 6)
    (again,) = await queue.receive()
    with pytest.raises(errors.ReceiptInvalid) as caught:
        await silent.ack()
    assert (caught.value.problem, caught.value.queue, caught.value.code) == (
        "NOT_LEASED",
        "orders",
        "RECEIPT_INVALID",
    )
    await again.ack()


async def test_a_message_is_settled_once(queue: Queue[object]) -> None:
    await queue.put(1)
    (message,) = await queue.receive()
    async with message:
        await message.nack(delay=0)
    with pytest.raises(errors.ReceiptInvalid):
        await message.ack()


async def test_an_ack_without_answer_may_be_tried_again(
    queue: Queue[object], worker: QueueWorker, clock: FakeClock
) -> None:
    await queue.put(1)
    (message,) = await queue.receive(lease=600)
    worker.held = (AckMessages,)
    acking = asyncio.create_task(message.ack())
    await until(lambda: len(worker.of(AckMessages)) == 1)
    worker.forget()
    worker.held = (AckMessages,)
    await until(acking.done, clock)
    with pytest.raises(errors.OutcomeUnknown):
        await acking
    worker.held = ()
    again = asyncio.create_task(message.ack())
    await until(again.done, clock)
    await again


async def test_a_nack_says_when_and_why(queue: Queue[object], worker: QueueWorker) -> None:
    await queue.put_many(range(2))
    first, second = await queue.receive(2)
    await first.nack(delay=5, reason="x" * 900 + "\ud800")
    await second.nack()
    one, two = worker.of(NackMessages)
    assert (one.delay_ms, len(one.reason), two.delay_ms, two.reason) == (5_000, 500, -1, "")


async def test_what_is_given_back_may_be_had_at_once(queue: Queue[object]) -> None:
    await queue.put(1)
    (message,) = await queue.receive()
    await message.give_back()
    (again,) = await queue.receive()
    assert again.attempt == 1


async def test_extending_moves_the_end_of_the_lease(
    queue: Queue[object], worker: QueueWorker, clock: FakeClock
) -> None:
    await queue.put(1)
    (message,) = await queue.receive(lease=10)
    await let_pass(clock, 5)
    await message.extend(60)
    assert message.expires_in() == pytest.approx(0.99 * 60, abs=0.5)
    await queue.extend(message, lease=120)
    assert message.expires_in() == pytest.approx(0.99 * 120, abs=0.5)
    assert [each.lease_ms for each in worker.of(ExtendLeases)] == [60_000, 120_000]
    await message.ack()
    with pytest.raises(errors.ReceiptInvalid):
        await message.extend()


@pytest.mark.parametrize("receipt", ["", "1.2", "a.b.c", "1.2.3.4", "-1.2.3", "99.1.1", "0.1." + "9" * 30])
async def test_what_is_no_receipt_is_refused(queue: Queue[object], receipt: str) -> None:
    with pytest.raises(errors.BadArgument):
        await queue.ack(receipt)


async def test_a_closed_client_settles_nothing(
    queue: Queue[object], client: Client, clock: FakeClock
) -> None:
    await queue.put(1)
    (message,) = await queue.receive()
    closing = asyncio.create_task(client.close())
    await until(closing.done, clock)
    with pytest.raises(errors.ClientClosed):
        await message.ack()
    with pytest.raises(errors.ClientClosed):
        await queue.put(2)
