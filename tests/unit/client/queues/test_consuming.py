"""Consuming: credit, leases, failures, and how it ends."""

import asyncio
from typing import Any

import pytest

from streams.domain.decider import Rejected
from streams.domain.queues.commands import (
    AckMessages,
    NackMessages,
    ReceiveMessages,
    WithdrawReceive,
)
from tests.unit.client.queues.log import acked, came_back
from tests.unit.client.queues.server import QueueWorker, let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.client import Client
from tidelock.client.queues.codecs import Json
from tidelock.client.queues.queue import Queue
from tidelock.client.queues.shelf import MOMENT_S


async def test_each_message_comes_once_and_is_acknowledged(queue: Queue[object], worker: QueueWorker) -> None:
    await queue.put_many(range(100))
    got = []
    async for message in queue.consume(prefetch=20):
        async with message:
            got.append(message.payload)
        if len(got) == 100:
            break
    assert got == list(range(100))
    await until(lambda: acked(worker) == 100)
    assert worker.state("orders").messages == {} or len(worker.state("orders").messages) == 0
    assert len(worker.of(AckMessages)) < 60


async def test_one_receive_a_shard_waits_and_nothing_is_polled(
    client: Client, worker: QueueWorker, clock: FakeClock
) -> None:
    queue = client.queue("wide")
    await queue.create(shards=3)
    async with queue.consume(prefetch=30) as consumer:
        getting = asyncio.create_task(consumer.get())
        await until(lambda: len(worker.of(ReceiveMessages)) == 3)
        assert {(each.shard, each.max_messages) for each in worker.of(ReceiveMessages)} == {
            (0, 10),
            (1, 10),
            (2, 10),
        }
        await let_pass(clock, 20)
        await asyncio.sleep(0.01)
        assert len(worker.of(ReceiveMessages)) == 3
        await queue.put(b"x", group="g")
        message = await getting
        assert message is not None
        assert message.payload == b"x"


@pytest.mark.parametrize(
    "options", [{"prefetch": "x"}, {"prefetch": 1.5}, {"concurrency": "x"}, {"concurrency": 0}]
)
async def test_an_absurd_appetite_is_refused(queue: Queue[object], options: Any) -> None:
    with pytest.raises(errors.BadArgument):
        queue.consume(**options)


@pytest.mark.parametrize(("prefetch", "leased"), [(1, 16), (20, 20), (32, 32)])
async def test_no_more_than_prefetch_is_asked_for_and_at_least_one_a_shard(
    client: Client, worker: QueueWorker, prefetch: int, leased: int
) -> None:
    queue = client.queue("wide")
    await queue.create(shards=16)
    async with queue.consume(prefetch=prefetch) as consumer:
        getting = asyncio.create_task(consumer.get())
        await until(lambda: len(worker.of(ReceiveMessages)) == 16)
        assert sum(each.max_messages for each in worker.of(ReceiveMessages)) == leased
        getting.cancel()


async def test_all_shards_are_drained_in_turn(client: Client) -> None:
    queue = client.queue("wide")
    await queue.create(shards=4)
    await queue.put_many([b"x"] * 80)
    shards = []
    async with queue.consume(prefetch=80) as consumer:
        first = await consumer.get()
        assert first is not None
        await until(lambda: sum(len(each.ready) for each in consumer._drain.shelves.values()) == 79)
        for _ in range(40):
            message = await consumer.get()
            assert message is not None
            shards.append(message.id.shard)
    assert {shards.count(shard) for shard in range(4)} <= {9, 10, 11}


async def test_an_exception_fails_the_message_with_its_text_and_is_raised_on(
    queue: Queue[object], worker: QueueWorker
) -> None:
    await queue.put(1)
    with pytest.raises(ZeroDivisionError):
        async for message in queue.consume():
            async with message:
                raise ZeroDivisionError("by nought")
    await until(lambda: came_back(worker, 1) == 1)
    (nack,) = worker.of(NackMessages)
    assert (nack.reason, nack.returned) == ("ZeroDivisionError: by nought", False)


async def test_a_cancelled_block_gives_the_message_back_and_no_attempt_counts(
    queue: Queue[object], worker: QueueWorker
) -> None:
    await queue.put(1)
    entered = asyncio.Event()

    async def work() -> None:
        async for message in queue.consume():
            async with message:
                entered.set()
                await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: came_back(worker, 0) >= 1)
    (again,) = await queue.receive()
    assert again.attempt == 1


async def test_the_next_receive_travels_with_the_acknowledgement(
    queue: Queue[object], worker: QueueWorker
) -> None:
    consumer = queue.consume(prefetch=5)
    getting = asyncio.create_task(consumer.get())
    await until(lambda: len(worker.of(ReceiveMessages)) == 1)
    await queue.put(1)
    message = await getting
    assert message is not None
    assert len(worker.of(ReceiveMessages)) == 1
    await message.ack()  # the clock stands still: nothing else makes it ask
    await until(lambda: len(worker.of(ReceiveMessages)) == 2)
    await consumer.stop()


async def test_the_next_receive_waits_for_no_handler(
    queue: Queue[object], worker: QueueWorker, clock: FakeClock
) -> None:
    await queue.put(1)
    consumer = queue.consume(prefetch=5)
    assert await consumer.get() is not None
    clock.turn(MOMENT_S)
    await until(lambda: len(worker.of(ReceiveMessages)) == 2)
    await consumer.stop()


async def test_no_more_are_worked_on_than_concurrency_says(queue: Queue[object]) -> None:
    await queue.put_many(range(10))
    async with queue.consume(prefetch=10, concurrency=2) as consumer:
        first, second = await consumer.get(), await consumer.get()
        third = asyncio.create_task(consumer.get())
        await asyncio.sleep(0.01)
        assert not third.done()
        assert first is not None
        assert second is not None
        await second.ack()
        assert await third is not None


async def test_new_shards_are_read_too_and_old_ones_to_their_end(
    client: Client, other: Client, worker: QueueWorker, clock: FakeClock
) -> None:
    queue = client.queue("wide")
    await queue.create(dedup_window=0)
    got: list[bytes] = []

    async def read() -> None:
        async for message in queue.consume(prefetch=8):
            async with message:
                got.append(message.payload)

    reading = asyncio.create_task(read())
    await until(lambda: len(worker.of(ReceiveMessages)) == 1)
    assert (await other.queue("wide").resize(4)).done
    theirs = other.queue("wide")
    await asyncio.gather(*(theirs.put(b"x", group=f"g{each}") for each in range(40)))
    await until(lambda: len(got) == 40, clock)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


async def test_an_unknown_queue_ends_it_with_its_error(client: Client) -> None:
    with pytest.raises(errors.QueueUnknown):
        async for _ in client.queue("nowhere").consume():
            pass


async def test_a_queue_deleted_meanwhile_ends_it_with_its_error(
    queue: Queue[object], worker: QueueWorker, clock: FakeClock
) -> None:
    consumer = queue.consume()
    getting = asyncio.create_task(consumer.get())
    await until(lambda: len(worker.of(ReceiveMessages)) == 1)
    await queue.delete()
    await until(getting.done, clock)
    with pytest.raises(errors.QueueUnknown):
        await getting
    await consumer.stop()


async def test_what_may_pass_is_tried_again(
    queue: Queue[object], worker: QueueWorker, clock: FakeClock
) -> None:
    worker.refuse[ReceiveMessages] = Rejected("TOO_MANY_WAITING", "test says so")
    consumer = queue.consume()
    getting = asyncio.create_task(consumer.get())
    await until(lambda: len(worker.of(ReceiveMessages)) >= 3, clock)
    del worker.refuse[ReceiveMessages]
    await queue.put(1)
    await until(getting.done, clock)
    message = await getting
    assert message is not None
    await message.ack()
    await consumer.stop()


async def test_a_cancelled_receive_leaves_nothing_leased(
    queue: Queue[object], worker: QueueWorker, other: Client
) -> None:
    waiting = asyncio.create_task(queue.receive(wait=60))
    await until(lambda: len(worker.of(ReceiveMessages)) == 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await until(lambda: len(worker.of(WithdrawReceive)) == 1)
    await queue.put(1)
    assert [each.attempt for each in await other.queue("orders", codec=Json()).receive(5)] == [1]


async def test_a_waiting_receive_looks_at_all_shards_and_keeps_one_answer(
    client: Client, worker: QueueWorker
) -> None:
    queue = client.queue("wide")
    await queue.create(shards=3)
    waiting = asyncio.create_task(queue.receive(5, wait=60))
    await until(lambda: len(worker.of(ReceiveMessages)) == 6)
    await queue.put(b"x", group="g")
    (message,) = await waiting
    await message.ack()
    await until(lambda: len(worker.of(WithdrawReceive)) == 2)
    assert await queue.receive(5) == []


@pytest.mark.parametrize(
    "options",
    [{"prefetch": 0}, {"prefetch": 100_000}, {"concurrency": 0}, {"lease": "x"}, {"lease": 0}, {"lease": -5}],
)
async def test_bad_options_are_refused(queue: Queue[object], options: dict[str, int]) -> None:
    with pytest.raises(errors.BadArgument):
        queue.consume(**options)  # type: ignore[arg-type]


async def test_a_lease_of_nothing_is_refused_wherever_one_is_given(
    queue: Queue[object], client: Client
) -> None:
    await queue.put(1)
    (message,) = await queue.receive()
    for refused in (
        queue.receive(lease=0),
        message.extend(0),
        queue.extend(message, lease=0),
        queue.work(print, lease=0),
        client.queues.receive("orders", lease=0),
    ):
        with pytest.raises(errors.BadArgument, match="leave it out") as caught:
            await refused
        assert caught.value.field == "lease"


async def test_a_poison_payload_fails_its_message_and_says_why(
    queue: Queue[object], client: Client, worker: QueueWorker
) -> None:
    await client.queue("orders").put(b"\xff no json")
    with pytest.raises(errors.PayloadUnreadable):
        async for message in queue.consume():
            async with message:
                assert message.payload
    await until(lambda: len(worker.of(NackMessages)) == 1)
    assert worker.of(NackMessages)[0].reason.startswith("PayloadUnreadable: The payload of message 0.")
