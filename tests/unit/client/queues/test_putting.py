"""Putting: what comes together travels together, in order, and each caller gets what is his."""

import asyncio
import gc
from datetime import UTC, datetime

import pytest

from streams.domain.queues.commands import EnqueueMessages, InspectQueue
from streams.domain.queues.events import MessagesEnqueued
from streams.wire.shards import shard_of
from tests.unit.client.queues.server import QueueWorker, let_pass
from tests.unit.client.worker import MARK_MS, FakeClock, until
from tidelock import errors
from tidelock.client.client import Client
from tidelock.client.queues import producer
from tidelock.client.queues.producer import Put
from tidelock.client.queues.puts import MAX_BYTES, size_of
from tidelock.client.queues.queue import Queue
from tidelock.client.queues.terms import message_of


def payloads(worker: QueueWorker) -> list[list[bytes]]:
    """Return what each command carried."""
    return [[each.payload for each in command.messages] for command in worker.of(EnqueueMessages)]


def enqueued(worker: QueueWorker) -> list[bytes]:
    """Return what is in queues, in the order in which it came."""
    return [
        message.payload
        for _, event in worker.events
        if isinstance(event, MessagesEnqueued)
        for message in event.messages
    ]


async def test_a_put_says_where_the_message_is(queue: Queue[object], worker: QueueWorker) -> None:
    done = await queue.put({"a": 1}, group="g", priority=9, headers={"trace": "7"})
    assert (done.id.shard, done.id.number, done.duplicate) == (0, 1, False)
    assert done.position is not None
    (message,) = await queue.receive()
    assert (message.payload, message.group, message.priority) == ({"a": 1}, "g", 9)
    assert message.headers == {"trace": "7"}
    assert message.id == done.id


async def test_a_put_goes_at_once_and_those_that_come_meanwhile_travel_together_in_order(
    queue: Queue[object], worker: QueueWorker
) -> None:
    await queue.put(0)
    worker.held = (EnqueueMessages,)
    puts = [asyncio.create_task(queue.put(number)) for number in range(1, 8)]
    await until(lambda: len(worker.of(EnqueueMessages)) == 2)
    worker.let()
    done = await asyncio.gather(*puts)
    assert payloads(worker) == [[b"0"], [b"1"], [b"2", b"3", b"4", b"5", b"6", b"7"]]
    assert [each.id.number for each in done] == [2, 3, 4, 5, 6, 7, 8]


async def test_puts_keep_their_order_though_nobody_awaits_the_first_nor_keeps_its_queue(
    client: Client, worker: QueueWorker, clock: FakeClock
) -> None:
    await client.queue("q").create()
    await client.queue("q").put(b"0")
    worker.held = (EnqueueMessages,)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await client.queue("q").put(b"1")
    await until(lambda: len(worker.of(EnqueueMessages)) == 2)
    gc.collect()
    put = asyncio.create_task(client.queue("q").put(b"2"))
    await let_pass(clock, 5.0)
    assert payloads(worker) == [[b"0"], [b"1"]]
    worker.let()
    await put
    assert payloads(worker) == [[b"0"], [b"1"], [b"2"]]


async def test_a_command_has_500_messages_and_400_kib_at_most(client: Client, worker: QueueWorker) -> None:
    queue = client.queue("big")
    await queue.create()
    await queue.put_many([b"x"] * 1_201)
    await queue.put_many([b"y" * 100_000] * 7)
    sizes = [len(each) for each in payloads(worker)]
    assert sizes == [500, 500, 201, 3, 3, 1]
    assert len(enqueued(worker)) == 1_208


async def test_one_message_too_large_fails_alone(queue: Queue[object], worker: QueueWorker) -> None:
    await queue.configure(max_payload=100)
    await queue.put("first")
    worker.held = (EnqueueMessages,)
    begun = asyncio.create_task(queue.put("under way"))
    await until(lambda: len(worker.of(EnqueueMessages)) == 2)
    others = [asyncio.create_task(queue.put("x" * 200 if each == 5 else each)) for each in range(12)]
    await asyncio.sleep(0)
    worker.let()
    await begun
    done = await asyncio.gather(*others, return_exceptions=True)
    assert isinstance(done[5], errors.PayloadTooLarge)
    assert done[5].limit == 100
    assert [type(each) for each in done].count(Put) == 11
    assert enqueued(worker)[2:] == [str(each).encode() for each in range(12) if each != 5]


async def test_a_full_queue_takes_what_fits_and_refuses_the_rest(
    queue: Queue[object], worker: QueueWorker
) -> None:
    await queue.configure(max_depth=10)
    done = await asyncio.gather(*(queue.put(each) for each in range(30)), return_exceptions=True)
    assert [type(each) for each in done] == [Put] * 10 + [errors.QueueFull] * 20
    assert {each.queue for each in done if isinstance(each, errors.QueueFull)} == {"orders"}
    assert len({id(each) for each in done}) == 30
    assert len(worker.of(EnqueueMessages)) < 15


async def test_many_of_which_some_fit_tell_which(queue: Queue[object]) -> None:
    await queue.configure(max_depth=3)
    with pytest.raises(errors.PartlyPut) as caught:
        await queue.put_many(range(5))
    assert [type(each) for each in caught.value.results] == [Put] * 3 + [errors.QueueFull] * 2
    with pytest.raises(errors.QueueFull):
        await queue.put_many(range(2))


@pytest.mark.parametrize("size", [128 * 1024 + 1, 400_000])
async def test_of_many_with_one_too_large_none_is_in(client: Client, worker: QueueWorker, size: int) -> None:
    queue = client.queue("big")
    await queue.create()
    with pytest.raises(errors.PayloadTooLarge) as caught:
        await queue.put_many([b"a", b"b", b"x" * size, b"c"])
    assert (caught.value.code, caught.value.limit) == ("PAYLOAD_TOO_LARGE", 128 * 1024)
    with pytest.raises(errors.PayloadTooLarge):
        await queue.put_each([(b"a", {}), (b"x" * size, {"group": "g"})])
    with pytest.raises(errors.PayloadTooLarge):
        await queue.put(b"x" * size)
    assert worker.of(EnqueueMessages) == []


async def test_the_largest_message_fits_into_a_command(client: Client) -> None:
    queue = client.queue("big")
    await queue.create()
    words = {f"{each}".rjust(256, "\U0001f600"): "\U0001f600" * 1024 for each in range(32)}
    largest = message_of(b"x" * 128 * 1024, 0, {"group": "\U0001f600" * 256, "headers": words})
    assert size_of(largest) <= MAX_BYTES
    await queue.put(largest.payload, group=largest.group, headers=words)


async def test_one_dedup_id_for_many_is_refused_with_the_cure(
    queue: Queue[object], worker: QueueWorker
) -> None:
    with pytest.raises(errors.BadArgument, match="put_each"):
        await queue.put_many([1, 2, 3], dedup_id="x")
    assert worker.of(EnqueueMessages) == []
    (one,) = await queue.put_many([1], dedup_id="x")
    assert (await queue.put_many([2], dedup_id="x"))[0].id == one.id


async def test_putting_waits_while_too_many_bytes_have_no_answer(
    client: Client, worker: QueueWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "MAX_UNSENT_BYTES", 1_000_000)
    queue = client.queue("big")
    await queue.create()
    await queue.put(b"first")
    worker.held = (EnqueueMessages,)
    many = asyncio.create_task(queue.put_many([b"m" * 100_000] * 30))
    ones = [asyncio.create_task(queue.put(b"o" * 100_000)) for _ in range(30)]
    await until(lambda: len(worker.of(EnqueueMessages)) == 2)
    waiting = queue._access.producer
    assert waiting.is_full
    assert waiting._unsent_bytes < 1_100_000
    worker.let()
    assert len(await many) == len(await asyncio.gather(*ones)) == 30
    assert (waiting._unsent, waiting._unsent_bytes) == (0, 0)


async def test_an_unknown_queue_is_told_and_may_be_made_later(client: Client) -> None:
    queue = client.queue("later")
    with pytest.raises(errors.QueueUnknown) as caught:
        await queue.put(b"x")
    assert (caught.value.queue, caught.value.code) == ("later", "QUEUE_UNKNOWN")
    await queue.create()
    assert (await queue.put(b"x")).id.number == 1


async def test_a_queue_that_was_deleted_and_made_anew_is_found_again(queue: Queue[object]) -> None:
    await queue.put(1)
    await queue.delete(force=True)
    with pytest.raises(errors.QueueUnknown):
        await queue.put(2)
    await queue.create(shards=3)
    assert (await queue.put(3)).id.number == 1


async def test_who_waits_behind_a_put_into_a_deleted_queue_is_told_too(
    queue: Queue[object], worker: QueueWorker
) -> None:
    await queue.put(0)
    await queue.delete(force=True)
    worker.held = (EnqueueMessages,)
    puts = [asyncio.create_task(queue.put(number)) for number in range(1, 4)]
    await until(lambda: len(worker.of(EnqueueMessages)) == 2)
    worker.let()
    told = await asyncio.gather(*puts, return_exceptions=True)
    assert [type(each) for each in told] == [errors.QueueUnknown] * 3
    await queue.create()
    assert (await queue.put(4)).id.number == 1


async def test_a_dedup_id_is_taken_once(queue: Queue[object]) -> None:
    first = await queue.put(1, dedup_id="a")
    second = await queue.put(2, dedup_id="a")
    assert (second.id, first.duplicate, second.duplicate) == (first.id, False, True)


async def test_a_moment_becomes_a_delay_by_the_clusters_time(
    queue: Queue[object], worker: QueueWorker, clock: FakeClock
) -> None:
    await let_pass(clock, 2)
    await queue.stats()  # so that the client hears of the time
    at = datetime.fromtimestamp(MARK_MS / 1000 + 12, UTC)
    await queue.put(1, deliver_at=at)
    await queue.put(2, deliver_at=MARK_MS / 1000 - 5)
    delays = [each.messages[0].delay_ms for each in worker.of(EnqueueMessages)]
    assert delays[0] == pytest.approx(10_000, abs=5)
    assert delays[1] == 0


@pytest.mark.parametrize(
    "options",
    [
        {"delay": -1},
        {"delay": 1e9},
        {"headers": [("name", "value")]},
        {"delay": 5, "deliver_at": 10.0},
        {"deliver_at": datetime(2026, 1, 1)},
        {"deliver_at": "tomorrow"},
        {"priority": 10},
        {"priority": -1},
        {"priority": "high"},
        {"group": ""},
        {"group": 7},
        {"key": "x" * 300},
        {"dedup_id": ""},
        {"headers": {"a": 1}},
        {"headers": {"": "x"}},
        {"headers": {str(each): "x" for each in range(40)}},
        {"colour": "red"},
    ],
)
async def test_bad_options_are_refused_before_anything_is_sent(
    queue: Queue[object], worker: QueueWorker, options: dict[str, object]
) -> None:
    with pytest.raises(errors.BadArgument):
        await queue.put(1, **options)  # type: ignore[arg-type]
    assert worker.of(EnqueueMessages) == []


async def test_what_the_codec_cannot_write_is_told(queue: Queue[object], client: Client) -> None:
    with pytest.raises(errors.PayloadUnreadable):
        await queue.put(float("nan"))
    with pytest.raises(errors.PayloadUnreadable):
        await client.queue("orders").put("text")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "a#1", "x" * 600, "a\nb", 7])
async def test_bad_names_are_refused(client: Client, name: str) -> None:
    with pytest.raises(errors.BadArgument):
        client.queue(name)


async def test_a_lost_connection_puts_nothing_twice(
    queue: Queue[object], worker: QueueWorker, clock: FakeClock
) -> None:
    await queue.put(0)
    worker.held = (EnqueueMessages,)
    puts = [asyncio.create_task(queue.put(number)) for number in range(1, 5)]
    await until(lambda: len(worker.of(EnqueueMessages)) == 2)
    worker.forget()
    await until(lambda: all(each.done() for each in puts), clock)
    assert enqueued(worker) == [b"0", b"1", b"2", b"3", b"4"]


async def test_groups_go_to_their_shards_and_the_rest_takes_turns(
    client: Client, worker: QueueWorker
) -> None:
    queue = client.queue("wide")
    await queue.create(shards=4)
    groups = [await queue.put(b"x", group=f"g{each}") for each in range(20)]
    assert [each.id.shard for each in groups] == [shard_of(f"g{each}", 4) for each in range(20)]
    turns = [(await queue.put(b"x")).id.shard for _ in range(8)]
    assert sorted(turns) == [0, 0, 1, 1, 2, 2, 3, 3]


async def test_a_client_that_knows_an_old_route_learns_the_new_one(
    client: Client, other: Client, worker: QueueWorker
) -> None:
    theirs = other.queue("wide")
    await theirs.create(dedup_window=0)
    ours = client.queue("wide")
    await ours.put(b"x", group="g0")
    for message in await ours.receive(10):
        await message.ack()
    assert (await theirs.resize(4)).done
    inspected = len(worker.of(InspectQueue))
    done = await asyncio.gather(*(ours.put(b"x", group=f"g{each}") for each in range(20)))
    assert [each.id.shard for each in done] == [shard_of(f"g{each}", 4) for each in range(20)]
    assert len(worker.of(InspectQueue)) == inspected  # the refusal told it all


async def test_a_route_that_nobody_awaits_any_more_fails_quietly(client: Client, worker: QueueWorker) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    worker.held = (InspectQueue,)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await client.queue("unknown").receive()
    await until(lambda: len(worker.of(InspectQueue)) == 1)
    worker.let()
    await until(lambda: not client._accesses.routes._asking)
    gc.collect()
    assert complaints == []
