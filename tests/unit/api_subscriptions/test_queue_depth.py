"""Watching a queue's numbers: those that hold now, then new ones, never the same again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from api.subscriptions.errors import ServerStopping
from streams.projections.reads import ReadsUnavailable
from tests.unit.api_subscriptions.queue_world import Model, QueueLogs, QueueNode
from tests.unit.api_subscriptions.world import TENANT, Watcher, settle


@pytest_asyncio.fixture
async def logs() -> QueueLogs:
    return QueueLogs(3)


@pytest_asyncio.fixture
async def node(logs: QueueLogs) -> AsyncIterator[QueueNode]:
    running = QueueNode(logs, Model(logs))
    await running.start()
    logs.create("orders", 2)
    logs.put("orders", "a", "b")
    await running.catch_up()
    yield running
    await running.stop()


def watch(node: QueueNode, after: str | None = None, queue: str = "orders") -> Watcher:
    return Watcher().watch(node.queues.queue_depth(TENANT, queue, after))


def told(items: list[Any]) -> list[tuple[int, int]]:
    return [(item.depth.ready, item.depth.leased) for item in items]


async def test_it_begins_with_what_holds_and_goes_on_with_what_changed(
    logs: QueueLogs, node: QueueNode
) -> None:
    watcher = watch(node)
    await watcher.got(1)
    receipts = logs.take("orders", 1)
    await node.catch_up()
    await watcher.got(2)
    logs.put("orders", "c", shard=1)
    logs.ack("orders", receipts)
    await node.catch_up()
    items = await watcher.got(3)
    assert told(items) == [(2, 0), (1, 1), (2, 0)]
    assert [(one.shard, one.depth.ready) for one in items[-1].shards] == [(0, 1), (1, 1)]
    assert items[-1].messages == 2
    await watcher.leave()


async def test_what_changes_no_number_or_another_queue_is_not_told(logs: QueueLogs, node: QueueNode) -> None:
    watcher = watch(node)
    await watcher.got(1)
    watcher.allow(10)
    logs.create("orders2")
    logs.put("orders2", "x")
    logs.create("orders", 2, tenant="other")
    await node.catch_up()
    await settle(100)
    assert len(watcher.items) == 1
    await watcher.leave()


async def test_it_waits_for_the_read_model_to_know_what_happened(logs: QueueLogs, node: QueueNode) -> None:
    watcher = watch(node)
    await watcher.got(1)
    watcher.allow(10)
    logs.put("orders", "c")
    await super(QueueNode, node).catch_up()
    await settle(100)
    assert told(watcher.items) == [(2, 0)]
    await node.model.project()
    assert told(await watcher.got(2)) == [(2, 0), (3, 0)]
    await watcher.leave()


async def test_all_who_watch_a_queue_are_told_by_one_question_and_the_last_one_ends_it(
    logs: QueueLogs, node: QueueNode
) -> None:
    watchers = [watch(node) for _ in range(20)]
    for one in watchers:
        await one.got(1)
    asked = node.model.reads.asked
    logs.put("orders", "c")
    await node.catch_up()
    items = [(await one.got(2))[1] for one in watchers]
    assert all(item is items[0] for item in items)
    assert node.model.reads.asked == asked + 1
    assert len(node.depths) == 1
    for one in watchers:
        await one.leave()
    await settle()
    assert (len(node.depths), node.hub.subscriptions) == (0, 0)
    assert node.hub._by_tenant == {}


async def test_who_reads_slowly_is_told_the_last_numbers(logs: QueueLogs, node: QueueNode) -> None:
    quick, slow = watch(node), watch(node)
    await quick.got(1)
    await slow.got(1)
    for number in range(30):
        logs.put("orders", "x")
        await node.catch_up()
        await quick.got(number + 2)
    items = await slow.got(2)
    while items[-1].depth.ready < 32:
        items = await slow.got(len(items) + 1)
    assert len(items) < 5
    await quick.leave()
    await slow.leave()


async def test_with_a_cursor_only_what_changed_since_is_told(logs: QueueLogs, node: QueueNode) -> None:
    (first,) = await watch(node).got(1)
    same = watch(node, first.cursor)
    same.allow(10)
    await settle(100)
    assert same.items == []
    logs.put("orders", "c", shard=1)
    await node.catch_up()
    assert told(await same.got(1)) == [(3, 0)]
    assert told(await watch(node, first.cursor).got(1)) == [(3, 0)]
    other = QueueNode(logs, node.model)
    await other.start()
    await other.catch_up()
    assert told(await watch(other, first.cursor).got(1)) == [(3, 0)]
    assert await watch(node, "no cursor").ended() == "CURSOR_INVALID"
    await other.stop()


async def test_a_queue_that_is_not_there_is_told_and_that_it_is_made(
    logs: QueueLogs, node: QueueNode
) -> None:
    watcher = watch(node, queue="new")
    (none,) = await watcher.got(1)
    assert (none.exists, none.depth.total, none.shards) == (False, 0, [])
    logs.create("new")
    await node.catch_up()
    made = (await watcher.got(2))[1]
    assert (made.exists, len(made.shards)) == (True, 1)
    await watcher.leave()


async def test_a_node_that_ends_says_where_to_go_on(logs: QueueLogs, node: QueueNode) -> None:
    watcher = watch(node)
    (item,) = await watcher.got(1)
    node.hub.close(lambda cursor: ServerStopping("This node ends.", cursor))
    assert await watcher.ended() == "SERVER_STOPPING"
    assert watcher.cursor == item.cursor
    assert await watch(node).ended() == "SERVER_STOPPING"


async def test_read_models_that_are_away_are_told_and_who_comes_later_is_served(
    logs: QueueLogs, node: QueueNode
) -> None:
    watcher = watch(node)
    (item,) = await watcher.got(1)
    node.model.reads.fails = ReadsUnavailable("away.")
    logs.put("orders", "c")
    await node.catch_up()
    assert await watcher.ended() == "READS_UNAVAILABLE"
    assert watcher.cursor == item.cursor
    node.model.reads.fails = None
    assert told(await watch(node, item.cursor).got(1)) == [(3, 0)]
    node.model.reads.fails = RuntimeError("a defect")
    logs.put("orders", "d")
    late = watch(node, queue="another")
    late.allow(1)
    await settle(50)
    assert late.task is not None
    assert isinstance(late.task.exception(), RuntimeError)
