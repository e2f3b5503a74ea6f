"""Queues on a real Kafka with real workers: what is promised to those who put and those who consume."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from typing import Any

import pytest

import tidelock
from tests.integration.engine.cluster import PATIENCE_S, Cluster, until
from tidelock.client.client import Client
from tidelock.client.queues.codecs import Avro, Json
from tidelock.client.queues.message import Message
from tidelock.client.queues.queue import Queue

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("queues"),
]


async def take(queue: Any, count: int) -> list[Message[Any]]:
    """Return so many messages, whenever they come."""
    found: list[Message[Any]] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < count:
            found += await queue.receive(count - len(found), wait=5)
    return found


async def test_what_is_put_comes_by_priority_group_and_time(client: Client) -> None:
    queue = client.queue("order", codec=Json())
    await queue.create(default_priority=4)
    await queue.put("low", priority=0)
    await queue.put("usual")
    await queue.put("urgent", priority=9)
    late = await queue.put("late", priority=9, delay=0.6)
    first = await take(queue, 3)
    assert [each.payload for each in first] == ["urgent", "usual", "low"]
    assert await queue.receive() == []
    (view,) = await queue.peek(state="DELAYED")
    assert view.id == late.id
    assert [each.payload for each in await take(queue, 1)] == ["late"]
    await queue.ack(*first)
    await queue.put_many(["a1", "a2"], group="a")
    await queue.put("b1", group="b")
    one, two = await take(queue, 2)
    assert [one.payload, two.payload] == ["a1", "b1"]
    assert await queue.receive() == []
    await one.ack()
    assert [each.payload for each in await take(queue, 1)] == ["a2"]


async def test_what_fails_comes_again_and_dies_and_is_redriven(client: Client) -> None:
    queue = client.queue("frail", codec=Json())
    await queue.create(max_attempts=2, backoff_min=0.2, backoff_max=0.2, jitter=0)
    await queue.put("poison")
    for attempt in (1, 2):
        (message,) = await take(queue, 1)
        assert message.attempt == attempt
        with pytest.raises(RuntimeError):
            async with message:
                raise RuntimeError("no good")
    await until(lambda: _dead(queue, 1))
    (view,) = await queue.peek(state="DEAD")
    assert view.standing.reason == "RuntimeError: no good"
    assert await queue.redrive(dry_run=True) == [view.id]
    assert await queue.redrive(reason="another") == []
    assert await queue.redrive() == [view.id]
    (again,) = await take(queue, 1)
    assert (again.attempt, again.payload) == (1, "poison")
    await again.ack()
    assert (await queue.stats()).messages == 0


async def _dead(queue: Queue[Any], count: int) -> bool:
    return (await queue.stats()).counts.dead == count


async def test_a_dead_consumers_messages_come_back_and_its_late_ack_is_refused(client: Client) -> None:
    queue = client.queue("leases")
    await queue.create(lease=0.5, backoff_min=0, backoff_max=0)
    await queue.put(b"x")
    (silent,) = await take(queue, 1)
    (again,) = await take(queue, 1)
    assert again.attempt == 2
    with pytest.raises(tidelock.ReceiptInvalid):
        await silent.ack()
    await again.ack()


async def test_the_largest_messages_come_in_as_many_answers_as_they_need(client: Client) -> None:
    queue = client.queue("large")
    await queue.create(max_attempts=1)
    await queue.put_many([bytes(128 * 1024)] * 12)
    assert len(await queue.peek()) == 12
    await queue.ack(*await take(queue, 12))
    await queue.put_many([bytes(128 * 1024)] * 12)
    got = 0
    async for message in queue.consume(prefetch=12):
        async with message:
            got += len(message.payload) == 128 * 1024
        if got == 12:
            break
    await until(lambda: _empty(queue))


async def test_every_subscription_gets_every_message(client: Client) -> None:
    queue = client.queue("events", codec=Json())
    await queue.create(broadcast=True, shards=2)
    names = ("billing", "audit")
    for name in names:
        await queue.subscription(name).add()
    await queue.put_many(range(10))
    for name in names:
        got = []
        async for message in queue.subscription(name).consume():
            async with message:
                got.append(message.payload)
            if len(got) == 10:
                break
        assert sorted(got) == list(range(10))
    await until(lambda: _empty(queue))
    with pytest.raises(tidelock.errors.SubscriptionUnknown):
        await queue.subscription("nobody").receive()
    with pytest.raises(tidelock.errors.TidelockError):
        await queue.receive()


async def _empty(queue: Queue[Any]) -> bool:
    return (await queue.stats()).messages == 0


async def test_avro_payloads_and_the_blocking_client(standing: Cluster) -> None:
    order = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}

    def blocking() -> list[Any]:
        with tidelock.sync.connect(
            standing.workers[0].address, token="integration", connect_timeout=PATIENCE_S
        ) as client:
            queue = client.queue("typed", codec=Avro(order))
            queue.create()
            queue.put_many({"id": number} for number in range(3))
            got = []
            for message in queue.consume(prefetch=2):
                with message:
                    got.append(message.payload)
                if len(got) == 3:
                    break
            assert queue.stats().counts.ready == 0
            return got

    assert await asyncio.to_thread(blocking) == [{"id": number} for number in range(3)]


class Trial:
    """Producers and consumers of one queue, and what each of them saw."""

    def __init__(self, groups: int) -> None:
        self.put: dict[str, list[int]] = {f"g{number}": [] for number in range(groups)}
        """Numbers that were confirmed, by group, in order."""
        self.done: dict[str, list[int]] = {group: [] for group in self.put}
        """Numbers that were acknowledged for certain. An answer may come late: after those to later ones."""
        self.first: dict[str, list[int]] = {group: [] for group in self.put}
        """Numbers in the order in which they were handed out first."""
        self.seen: Counter[tuple[str, int]] = Counter()
        self.after_ack: list[tuple[str, int]] = []
        """Handed out although acknowledged before: never."""

    async def produce(self, queue: Queue[Any], group: str, count: int) -> None:
        for number in range(count):
            await queue.put(number, group=group)
            self.put[group].append(number)

    async def consume(self, queue: Queue[Any]) -> None:
        async for message in queue.consume(prefetch=16, lease=2.0):
            group = message.group or ""
            if message.payload in self.done[group]:
                self.after_ack.append((group, message.payload))
            if not self.seen[group, message.payload]:
                self.first[group].append(message.payload)
            self.seen[group, message.payload] += 1
            try:
                await message.ack()
            except tidelock.ReceiptInvalid:
                continue
            self.done[group].append(message.payload)

    def finished(self, count: int) -> bool:
        return all(len(set(numbers)) == count for numbers in self.done.values())


async def _trial(queue: Queue[Any], others: list[Client], trial: Trial, count: int, meanwhile: Any) -> None:
    consuming = [asyncio.create_task(trial.consume(each.queue(queue.name, codec=Json()))) for each in others]
    producing = [asyncio.create_task(trial.produce(queue, group, count)) for group in trial.put]
    try:
        await until(lambda: sum(map(len, trial.done.values())) > 20)
        await meanwhile()
        await asyncio.wait_for(asyncio.gather(*producing), PATIENCE_S)
        await until(lambda: trial.finished(count) or any(each.done() for each in consuming))
    finally:
        for task in (*consuming, *producing):
            task.cancel()
        ended = await asyncio.gather(*consuming, *producing, return_exceptions=True)
    assert not [each for each in ended if isinstance(each, tidelock.TidelockError)]
    for group, numbers in trial.done.items():
        assert sorted(numbers) == trial.first[group] == list(range(count)), group
    assert trial.after_ack == []


async def test_a_killed_worker_loses_nothing_and_nothing_acknowledged_comes_back(
    standing: Cluster, cluster: Cluster
) -> None:
    victim = await cluster.worker("victim")
    await until(lambda: victim.leads("queues"))

    async def kill() -> None:
        victim.send(signal.SIGKILL)

    async with standing.connect() as one, standing.connect() as two, standing.connect() as three:
        queue = one.queue("killed", codec=Json())
        await queue.create(shards=4, backoff_min=0, backoff_max=0, max_attempts=1000)
        trial = Trial(groups=8)
        await _trial(queue, [two, three], trial, 60, kill)
        assert await _empty(queue)


async def test_a_resize_under_load_keeps_the_order_of_groups(standing: Cluster) -> None:
    async with standing.connect() as one, standing.connect() as two, standing.connect() as three:
        queue = one.queue("growing", codec=Json())
        await queue.create(shards=2, dedup_window=0, backoff_min=0, backoff_max=0, max_attempts=1000)

        async def resize() -> None:
            theirs = three.queue("growing")
            async with asyncio.timeout(PATIENCE_S):
                assert (await theirs.resize(5)).done
                assert (await theirs.resize(3)).done

        trial = Trial(groups=12)
        await _trial(queue, [two, three], trial, 150, resize)
        report = await queue.stats()
        assert (report.messages, report.route.shards, report.route.previous) == (0, 3, 3)


async def test_a_worker_function_that_is_cancelled_gives_back_what_is_unfinished(client: Client) -> None:
    queue = client.queue("graceful", codec=Json())
    await queue.create()
    await queue.put_many(range(20))
    begun: list[int] = []

    async def handle(message: Message[Any]) -> None:
        begun.append(message.payload)
        if message.payload >= 5:
            await asyncio.Event().wait()

    working = asyncio.create_task(queue.work(handle, concurrency=4, prefetch=10))
    await until(lambda: len(begun) >= 9)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    rest = await take(queue, 15)
    assert sorted(each.payload for each in rest) == list(range(5, 20))
    assert {each.attempt for each in rest} == {1}
