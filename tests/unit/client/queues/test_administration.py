"""Making, changing, counting, looking, reviving, removing: over all shards, as one."""

import asyncio
from typing import Any

import pytest

from streams.domain.queues.commands import (
    ConfigureQueue,
    CreateQueue,
    InspectQueue,
    PeekMessages,
    RedriveMessages,
    RouteQueue,
)
from streams.domain.queues.settings import QueueRoute
from tests.unit.client.queues.server import QueueWorker, let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.client import Client
from tidelock.client.queues.queue import Queue
from tidelock.client.queues.terms import settings_of


async def test_creating_twice_is_fine_and_otherwise_it_is_refused(client: Client) -> None:
    queue = client.queue("q")
    await queue.create(shards=3, lease=20)
    await queue.create(shards=3, lease=20)
    with pytest.raises(errors.QueueExists) as caught:
        await queue.create(shards=3, lease=21)
    assert caught.value.queue == "q"
    with pytest.raises(errors.QueueExists):
        await queue.create(shards=2, lease=20)
    assert len((await queue.stats()).shards) == 3


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"shards": 65}, errors.BadArgument),
        ({"lease": 0.01}, errors.BadArgument),
        ({"lease": "long"}, errors.BadArgument),
        ({"max_attempts": 0}, errors.BadArgument),
        ({"dead_letter_queue": "q"}, errors.DeadLetterLoop),
        ({"max_payload": 1 << 20}, errors.BadArgument),
        ({"colour": "red"}, errors.BadArgument),
        ({"overflow": "DEAD_LETTER_OLDEST"}, errors.BadArgument),
    ],
)
async def test_bad_settings_are_refused(
    client: Client, options: dict[str, int], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await client.queue("q").create(**options)  # type: ignore[arg-type]


async def test_configuring_changes_what_is_named_in_all_shards(client: Client) -> None:
    queue = client.queue("q")
    await queue.create(shards=3, lease=20)
    settings = await queue.configure(max_attempts=7)
    assert (settings.max_attempts, settings.lease_ms) == (7, 20_000)
    assert {each.settings for each in (await queue.stats()).shards} == {settings}
    with pytest.raises(errors.BadArgument):
        await queue.configure(broadcast=True)


async def test_two_who_configure_at_the_same_time_end_with_the_same_settings_everywhere(
    client: Client, other: Client
) -> None:
    await client.queue("q").create(shards=4)
    await asyncio.gather(
        *(client.queue("q").configure(max_attempts=each) for each in (2, 3)),
        *(other.queue("q").configure(lease=each) for each in (40, 50)),
    )
    assert len({each.settings for each in (await client.queue("q").stats()).shards}) == 1


async def test_a_version_conflict_tells_the_version(queue: Queue[object], client: Client) -> None:
    stats = await client.queues.inspect("orders")
    with pytest.raises(errors.VersionConflict) as caught:
        await client.queues.configure("orders", stats.settings, version=9)
    assert caught.value.version == stats.version


async def test_a_paused_queue_delivers_nothing(queue: Queue[object], worker: QueueWorker) -> None:
    await queue.put(1)
    await queue.pause()
    assert await queue.receive() == []
    await queue.resume()
    assert len(await queue.receive()) == 1
    assert len(worker.of(ConfigureQueue)) == 2


async def test_only_an_empty_queue_is_deleted_without_force(client: Client) -> None:
    queue = client.queue("q")
    await queue.create(shards=2)
    await queue.put_many([b"x"] * 4)
    with pytest.raises(errors.QueueNotEmpty):
        await queue.delete()
    assert (await queue.stats()).messages == 4
    assert await queue.delete(force=True) == 4
    assert await queue.delete() == 0
    with pytest.raises(errors.QueueUnknown):
        await queue.stats()


async def test_a_delete_that_was_broken_off_is_finished_by_the_next(client: Client) -> None:
    queue = client.queue("q")
    await queue.create(shards=4)
    await queue.put_many([b"x"] * 8)
    await client.queues.delete("q", force=True, shard=3)
    for call in (queue.stats, queue.peek, queue.purge, queue.redrive, queue.pause):
        with pytest.raises(errors.QueueIncomplete, match="broken off"):
            await call()
    with pytest.raises(errors.QueueNotEmpty, match="6 messages"):
        await queue.delete()
    assert await queue.delete(force=True) == 6
    with pytest.raises(errors.QueueUnknown):
        await queue.stats()


async def test_a_delete_that_was_broken_off_is_undone_by_making_the_queue_again(client: Client) -> None:
    queue = client.queue("q")
    await queue.create(shards=4, broadcast=True)
    await queue.subscription("s").add()
    await client.queues.delete("q", shard=3)
    await client.queues.delete("q", shard=2)
    await queue.create(shards=4, broadcast=True)
    assert [each.subscriptions[0].subscription for each in (await queue.stats()).shards] == ["s"] * 4


async def test_a_create_that_was_broken_off_is_continued_or_deleted(client: Client) -> None:
    queue = client.queue("q")

    async def break_off() -> None:
        for shard in (3, 2):
            await client.queues.create("q", settings_of(max_attempts=3), QueueRoute(1, 4, 4), shard)

    await break_off()
    await queue.create(shards=4, max_attempts=3)
    assert len((await queue.stats()).shards) == 4
    assert await queue.delete() == 0
    await break_off()
    with pytest.raises(errors.QueueExists, match="delete it and create it again"):
        await queue.create(shards=4)
    assert await queue.delete() == 0
    await queue.create(shards=4)
    assert (await queue.stats()).settings.max_attempts == 5


async def test_a_delete_while_the_queue_is_made_leaves_all_of_it_or_nothing(
    client: Client, other: Client, worker: QueueWorker
) -> None:
    worker.held = (CreateQueue,)
    creating = asyncio.create_task(other.queue("q").create(shards=3))
    for made in (1, 2):
        await until(lambda made=made: len(worker.of(CreateQueue)) == made)  # type: ignore[misc]
        worker.let()
        worker.held = (CreateQueue,)
    await until(lambda: len(worker.of(CreateQueue)) == 3)  # home is on its way
    assert await client.queue("q").delete() == 0
    worker.let()
    await creating
    assert len((await client.queue("q").stats()).shards) == 3


async def test_shards_that_go_while_all_are_read_are_no_trouble(
    client: Client, other: Client, worker: QueueWorker
) -> None:
    queue = client.queue("q")
    await queue.create(shards=3, dedup_window=0)
    worker.seen.clear()
    worker.held = (InspectQueue,)
    reading = asyncio.create_task(queue.stats())
    await until(lambda: len(worker.of(InspectQueue)) == 1)
    worker.let()
    worker.held = (InspectQueue,)
    await until(lambda: len(worker.of(InspectQueue)) == 2)  # home was read
    for shard in (2, 1, 0):
        await other.queues.delete("q", shard=shard)
    await other.queues.create("q", settings_of(), QueueRoute(1, 1, 1))
    worker.let()
    assert len((await reading).shards) == 1


async def test_counts_of_all_shards_are_added_up(client: Client, clock: FakeClock) -> None:
    queue = client.queue("q")
    await queue.create(shards=3)
    await queue.put_many([b"x"] * 9)
    await queue.put(b"later", delay=60)
    await let_pass(clock, 5)
    await queue.receive(2)
    report = await queue.stats()
    assert (report.messages, report.bytes) == (10, 14)
    assert (report.counts.ready, report.counts.leased, report.counts.delayed) == (7, 2, 1)
    assert report.counts.oldest_s == pytest.approx(5, abs=0.3)


async def test_peeking_goes_on_where_it_ended(client: Client) -> None:
    queue = client.queue("q")
    await queue.create(shards=3)
    await queue.put_many([b"x"] * 250)
    first = await queue.peek(120)
    rest = await queue.peek(1_000, after=first[-1].id)
    assert len(first) == 120
    assert len({str(each.id) for each in (*first, *rest)}) == 250
    assert await queue.peek(state="DEAD") == []
    for bad in (0, 1_000_000):
        with pytest.raises(errors.BadArgument):
            await queue.peek(bad)
    with pytest.raises(errors.BadArgument):
        await queue.peek(after="nonsense")


async def test_dead_letters_are_chosen_by_reason_group_and_id(client: Client) -> None:
    queue = client.queue("q")
    await queue.create(shards=2, max_attempts=1)
    for number in range(6):
        await queue.put(b"x", group=f"g{number}")
    while found := await queue.receive():
        await found[0].nack(reason="odd" if found[0].group in ("g1", "g3", "g5") else "even")
    dead = {each.body.group: each.id for each in await queue.peek(state="DEAD")}
    assert sorted(await queue.redrive(reason="odd", dry_run=True), key=str) == sorted(
        (dead["g1"], dead["g3"], dead["g5"]), key=str
    )
    assert await queue.redrive(group="g2") == [dead["g2"]]
    assert await queue.redrive(dead["g0"], str(dead["g4"])) == sorted((dead["g0"], dead["g4"]), key=str)
    assert len(await queue.redrive(limit=2)) == 2
    assert await queue.purge("DEAD") == 1
    assert (await queue.stats()).counts.ready == 5


async def test_peeking_asks_for_no_more_than_is_wanted(client: Client, worker: QueueWorker) -> None:
    queue = client.queue("q")
    await queue.create(shards=2)
    await queue.put_many([b"x"] * 300)
    assert len(await queue.peek(1)) == 1
    assert len(await queue.peek(220)) == 220
    assert [each.limit for each in worker.of(PeekMessages)] == [1, 100, 100, 70]


async def test_a_message_of_a_former_queue_revives_no_other(client: Client) -> None:
    queue = client.queue("q")
    await queue.create(shards=2, max_attempts=1)
    former = [(await queue.put(b"x")).id for _ in range(2)]
    await queue.delete(force=True)
    await queue.create(max_attempts=1)
    new = (await queue.put(b"x")).id
    assert (new.shard, new.number) in [(each.shard, each.number) for each in former]
    await (await queue.receive())[0].nack()
    with pytest.raises(errors.BadArgument) as caught:
        await queue.redrive(*former, new)
    assert all(str(each) in str(caught.value) for each in former)
    assert (await queue.stats()).counts.dead == 1
    assert await queue.redrive(new) == [new]


async def test_so_many_dead_letters_may_be_named_as_one_likes(client: Client, worker: QueueWorker) -> None:
    queue = client.queue("q")
    await queue.create(max_attempts=1)
    ids = [each.id for each in await queue.put_many([b"x"] * 1_100)]
    while found := await queue.receive(500):
        await queue.nack(*found)
    assert await queue.redrive(*reversed(ids), limit=1_050, dry_run=True) == ids[:1_050]
    assert await queue.redrive(*reversed(ids)) == ids
    assert max(len(each.messages) for each in worker.of(RedriveMessages)) == 500


async def test_purging_goes_on_to_the_end_or_the_limit(client: Client) -> None:
    queue = client.queue("q")
    await queue.create(shards=2)
    await queue.put_many([b"x"] * 40)
    assert await queue.purge(limit=15) == 15
    assert await queue.purge() == 25


async def test_a_subscription_with_dead_letters_goes_only_by_force(client: Client) -> None:
    events = client.queue("events")
    await events.create(broadcast=True, max_attempts=1)
    billing = events.subscription("billing")
    await billing.add()
    await events.put(b"x")
    (message,) = await billing.receive()
    await message.nack(reason="no")
    with pytest.raises(errors.QueueNotEmpty):
        await billing.remove()
    await billing.remove(force=True)
    with pytest.raises(errors.SubscriptionUnknown):
        await billing.receive(wait=0)


@pytest.mark.parametrize("shards", [0, 65, "4", 1.5, True])
async def test_a_number_of_shards_that_no_queue_has_is_refused(client: Client, shards: Any) -> None:
    with pytest.raises(errors.BadArgument):
        await client.queue("wide").create(shards=shards)
    with pytest.raises(errors.BadArgument):
        await client.queue("wide").resize(shards)


async def test_a_subscription_that_nobody_added_is_unknown(client: Client) -> None:
    queue = client.queue("q")
    await queue.create(broadcast=True)
    with pytest.raises(errors.SubscriptionUnknown):
        await queue.subscription("nobody").receive()
    with pytest.raises(errors.BadArgument):
        queue.subscription("")
    plain = client.queue("plain")
    await plain.create()
    with pytest.raises(errors.WrongDelivery):
        await plain.subscription("x").add()
    with pytest.raises(errors.WrongDelivery):
        await plain.subscription("x").receive()


async def test_a_resize_drains_what_moves_then_removes_what_is_left_over(
    client: Client, other: Client, clock: FakeClock
) -> None:
    queue = client.queue("q")
    await queue.create(shards=4, dedup_window=0)
    for number in range(12):
        await queue.put(b"x", group=f"g{number}")
    assert not (await queue.resize(2, wait=False)).done
    resizing = asyncio.create_task(queue.resize(2))
    taken = 0
    while taken < 12:
        for message in await other.queue("q").receive(12):
            await message.ack()
            taken += 1
        await let_pass(clock, 0.1)
    await until(resizing.done, clock)
    assert (await resizing).done
    assert (await queue.stats()).route == QueueRoute(3, 2, 2)
    with pytest.raises(errors.QueueUnknown):
        await client.queues.inspect("q", 2)


@pytest.mark.parametrize("told", [1, 2, 3])
async def test_a_resize_that_was_broken_off_is_continued(
    client: Client, worker: QueueWorker, clock: FakeClock, told: int
) -> None:
    """`told`: after how many shards had heard of the new route it was broken off."""
    queue = client.queue("q")
    await queue.create(shards=3, dedup_window=0)
    worker.held = (RouteQueue,)
    broken = asyncio.create_task(queue.resize(5))
    for number in range(told):
        await until(lambda number=number: len(worker.of(RouteQueue)) > number)  # type: ignore[misc]
        worker.let()
        worker.held = (RouteQueue,)
    await asyncio.sleep(0.01)
    broken.cancel()
    worker.let()
    resizing = asyncio.create_task(queue.resize(4))
    await until(resizing.done, clock)
    assert (await resizing).done
    report = await queue.stats()
    assert {(each.route.shards, each.route.previous) for each in report.shards} == {(4, 4)}


async def test_a_shard_that_was_made_for_a_change_that_lost_does_not_hold_up_the_one_that_won(
    client: Client, clock: FakeClock
) -> None:
    queue = client.queue("q")
    await queue.create(dedup_window=0)
    home = await client.queues.inspect("q", 0)
    await client.queues.create("q", home.settings, QueueRoute(2, 3, 1), 1)
    await client.queues.route("q", QueueRoute(2, 2, 1), 0)
    resizing = asyncio.create_task(queue.resize(2))
    await until(resizing.done, clock)
    assert (await resizing).done
    assert {each.route for each in (await queue.stats()).shards} == {QueueRoute(3, 2, 2)}


async def test_who_waits_for_a_resize_that_somebody_else_ends_comes_to_an_end(
    client: Client, worker: QueueWorker, clock: FakeClock
) -> None:
    queue = client.queue("q")
    await queue.create(shards=4, dedup_window=0)
    for number in range(4):
        await queue.put(b"x", group=f"g{number}")
    resizing = asyncio.create_task(queue.resize(2))
    await until(lambda: len(worker.of(RouteQueue)) == 4, clock)
    await let_pass(clock, 1.0)
    assert not resizing.done()
    taken = 0
    while taken < 4:
        for message in await queue.receive(4):
            await message.ack()
            taken += 1
    for shard in range(4):
        await client.queues.route("q", QueueRoute(3, 2, 2), shard)
    await until(resizing.done, clock)
    assert (await resizing).done


async def test_after_a_resize_that_nobody_continues_producers_tell_the_shards_and_consumers_find_all(
    client: Client, worker: QueueWorker, clock: FakeClock
) -> None:
    queue = client.queue("q")
    await queue.create(shards=2, dedup_window=0)
    worker.held = (RouteQueue,)
    broken = asyncio.create_task(queue.resize(5))
    await until(lambda: len(worker.of(RouteQueue)) == 1)
    broken.cancel()
    worker.let()
    names = [f"group-{number}" for number in range(40)]
    for _ in range(2):  # the first time only home's answers tell of the change
        putting = asyncio.gather(*(queue.put(name.encode(), group=name) for name in names))
        await until(putting.done, clock)
    assert {(each.route.shards, each.route.previous) for each in (await queue.stats()).shards[:2]} == {(5, 2)}
    async with queue.consume(prefetch=1000) as consumer:
        came = [(await consumer.get()).payload for _ in names]  # type: ignore[union-attr]
    assert sorted(came) == sorted(name.encode() for name in names)
