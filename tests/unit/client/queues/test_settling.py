"""Settling: acknowledgements travel together, and each caller learns of his own."""

import asyncio
from typing import Any

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


@pytest.mark.parametrize("delay", [-0.001, -5, float("nan"), float("inf"), 366 * 86_400 + 1, "long"])
async def test_an_absurd_delay_is_refused_and_the_message_is_not_settled(
    queue: Queue[object], worker: QueueWorker, delay: Any
) -> None:
    await queue.put(1)
    (message,) = await queue.receive()
    worker.seen.clear()
    for settle in (message.nack(delay=delay), queue.nack(message.receipt, delay=delay)):
        with pytest.raises(errors.BadArgument, match="delay"):
            await settle
    with pytest.raises(errors.BadArgument, match="reason"):
        await message.nack(reason=None)  # type: ignore[arg-type]
    assert worker.seen == []
    await message.ack()


async def test_an_exception_that_cannot_say_what_it_is_fails_the_message_all_the_same(
    queue: Queue[object], worker: QueueWorker
) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    await queue.put(1)
    (message,) = await queue.receive()
    with pytest.raises(Mute):
        async with message:
            raise Mute
    await until(lambda: bool(worker.of(NackMessages)))
    assert [each.reason for each in worker.of(NackMessages)] == ["Mute"]


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


async def test_many_nacks_at_once_are_one_command_and_each_message_knows(
    queue: Queue[object], worker: QueueWorker
) -> None:
    await queue.put_many(range(50))
    messages = await queue.receive(50)
    await queue.nack(*messages[:30], *(each.receipt for each in messages[30:]), delay=0, reason="no")
    assert [(len(each.receipts), each.reason) for each in worker.of(NackMessages)] == [(50, "no")]
    assert [each.is_settled for each in messages] == [True] * 30 + [False] * 20
    assert {each.attempt for each in await queue.receive(50)} == {2}


async def test_more_than_a_command_takes_are_settled_by_several(client: Client, worker: QueueWorker) -> None:
    queue = client.queue("wide")
    await queue.create(shards=2)
    await queue.put_many([b"x"] * 1_400)
    messages = [each for _ in range(4) for each in await queue.receive(500)]
    assert len(messages) == 1_400
    await queue.extend(*messages)
    await queue.nack(*messages, returned=True)
    await queue.ack(*[each for _ in range(4) for each in await queue.receive(500)])
    for kind in (ExtendLeases, NackMessages, AckMessages):
        sizes = {shard: [len(c.receipts) for c in worker.of(kind) if c.shard == shard] for shard in (0, 1)}
        assert sizes == {0: [500, 200], 1: [500, 200]}


async def test_all_are_checked_before_any_is_settled(queue: Queue[object], worker: QueueWorker) -> None:
    await queue.put_many(range(3))
    first, second, third = await queue.receive(3)
    await second.ack()
    worker.seen.clear()
    for settle in (queue.ack, queue.nack, queue.extend):
        with pytest.raises(errors.ReceiptInvalid, match=str(second.id)):
            await settle(first, second, third)
        with pytest.raises(errors.BadArgument):
            await settle(first, "nonsense", third)
    with pytest.raises(errors.BadArgument):
        await queue.nack(first, delay="long")  # type: ignore[arg-type]
    assert worker.seen == []
    await queue.ack(first, third, first.receipt, third)
    assert [len(each.receipts) for each in worker.of(AckMessages)] == [2]


async def test_a_message_is_settled_in_its_own_queue(queue: Queue[object], client: Client) -> None:
    await queue.put(1)
    (message,) = await queue.receive()
    with pytest.raises(errors.BadArgument, match="orders"):
        await client.queue("elsewhere").ack(message)  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["ack", "nack", "extend"])
async def test_one_error_tells_which_of_many_were_refused(queue: Queue[object], how: str) -> None:
    await queue.put_many(range(5))
    messages = await queue.receive(5)
    await queue.ack(messages[1].receipt, messages[3].receipt)
    with pytest.raises(errors.ReceiptInvalid) as caught:
        await getattr(queue, how)(*messages)
    told = [value for name, value in caught.value.details if name == "receipt"]
    assert told == [messages[1].receipt, messages[3].receipt]
    assert (caught.value.problem, caught.value.code) == ("NOT_LEASED", "RECEIPT_INVALID")
    assert str(caught.value).startswith("2 of 5 receipts were refused")
    with pytest.raises(errors.ReceiptInvalid) as caught:
        await queue.ack(messages[1].receipt)
    assert caught.value.problem == "NOT_LEASED"


async def test_extending_many_moves_the_end_of_each_lease_that_holds(
    queue: Queue[object], clock: FakeClock
) -> None:
    await queue.put_many(range(3))
    first, second, third = await queue.receive(3, lease=10)
    await queue.ack(second.receipt)
    with pytest.raises(errors.ReceiptInvalid):
        await queue.extend(first, second, third, lease=60)
    left = [round(each.expires_in() / 0.99) for each in (first, second, third)]
    assert left == [60, 10, 60]


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
