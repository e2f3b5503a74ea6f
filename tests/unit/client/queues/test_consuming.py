"""Consuming: credit, leases, failures, and how it ends."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

import tidelock
from streams.domain.decider import Rejected
from streams.domain.queues.commands import (
    AckMessages,
    ExtendLeases,
    NackMessages,
    ReceiveMessages,
    WithdrawReceive,
)
from streams.domain.queues.events import MessagesAcked, MessagesReturned
from tests.unit.client.queues.server import QueueWorker, let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.client import Client
from tidelock.client.queues.codecs import Json
from tidelock.client.queues.message import Message
from tidelock.client.queues.queue import Queue
from tidelock.client.queues.shelf import MOMENT_S


def acked(worker: QueueWorker) -> int:
    return sum(len(event.messages) for _, event in worker.events if isinstance(event, MessagesAcked))


def came_back(worker: QueueWorker, attempts: int) -> int:
    """Return how many messages came back with so many counted attempts."""
    return sum(
        each.attempts == attempts
        for _, event in worker.events
        if isinstance(event, MessagesReturned)
        for each in event.messages
    )


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


async def test_all_shards_are_drained_in_turn(client: Client) -> None:
    queue = client.queue("wide")
    await queue.create(shards=4)
    await queue.put_many([b"x"] * 80)
    shards = []
    async with queue.consume(prefetch=80) as consumer:
        first = await consumer.get()
        assert first is not None
        await until(lambda: sum(len(each.ready) for each in consumer._shelves.values()) == 79)
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


async def test_breaking_off_gives_back_what_lies_ready(queue: Queue[object], worker: QueueWorker) -> None:
    await queue.put_many(range(10))
    async for message in queue.consume(prefetch=10):
        async with message:
            break
    await until(lambda: came_back(worker, 0) == 9)
    assert [each.attempt for each in await queue.receive(10)] == [1] * 9


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
    "options", [{"prefetch": 0}, {"prefetch": 100_000}, {"concurrency": 0}, {"lease": "x"}]
)
async def test_bad_options_are_refused(queue: Queue[object], options: dict[str, int]) -> None:
    with pytest.raises(errors.BadArgument):
        queue.consume(**options)  # type: ignore[arg-type]


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


Handler = Callable[[Message[object]], Awaitable[None]]


async def test_work_handles_several_at_a_time_and_goes_on_after_failures(
    queue: Queue[object], worker: QueueWorker
) -> None:
    await queue.put_many(range(20))
    at_once = most = 0

    async def handle(message: Message[object]) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        if message.payload == 7:
            raise ValueError("seven")

    working = asyncio.create_task(queue.work(handle, concurrency=4))
    await until(lambda: acked(worker) == 19 and came_back(worker, 1) == 1)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert most == 4


async def test_a_worker_is_run_by_its_client_and_gives_back_what_it_was_working_on(
    queue: Queue[object], client: Client, worker: QueueWorker
) -> None:
    begun: list[object] = []

    @tidelock.worker("orders", concurrency=2, codec=Json())
    async def ship(message: Message[object]) -> None:
        begun.append(message.payload)
        await asyncio.Event().wait()

    await queue.put_many(range(6))
    running = asyncio.create_task(ship.run(client))
    await until(lambda: len(begun) == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: came_back(worker, 0) >= 4)
    assert len(await queue.receive(10)) == 6


async def test_with_grace_handlers_may_end_first(queue: Queue[object], worker: QueueWorker) -> None:
    release, begun = asyncio.Event(), asyncio.Event()

    async def handle(message: Message[object]) -> None:
        begun.set()
        await release.wait()

    await queue.put(1)
    working = asyncio.create_task(queue.work(handle, concurrency=1, grace=30.0))
    await begun.wait()
    working.cancel()
    await asyncio.sleep(0.01)
    assert not working.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await working
    await until(lambda: acked(worker) == 1)


async def test_plain_functions_work_in_threads(queue: Queue[object], worker: QueueWorker) -> None:
    await queue.put(1)
    got: list[object] = []
    working = asyncio.create_task(queue.work(lambda message: got.append(message.payload), concurrency=1))
    await until(lambda: acked(worker) == 1)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert got == [1]
