"""Watching what happens to queues: all shards of one, in order, once, from any place."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from api.schema import build
from api.subscriptions.convert_queues import KINDS
from api.subscriptions.queue_types import QueueEventKind
from storage.memory.log import MemoryTopic
from streams.domain.queues.commands import NackMessages
from streams.domain.queues.kind import QUEUES
from tests.unit.api_subscriptions.asgi import Socket, app_of
from tests.unit.api_subscriptions.queue_world import Model, QueueLogs, QueueNode
from tests.unit.api_subscriptions.world import TENANT, Watcher, settle


@pytest_asyncio.fixture
async def logs() -> QueueLogs:
    return QueueLogs(3)


@pytest_asyncio.fixture
async def node(logs: QueueLogs) -> AsyncIterator[QueueNode]:
    running = QueueNode(logs, Model(logs))
    await running.start()
    await running.catch_up()
    yield running
    await running.stop()


def watch(node: QueueNode, after: str | None = None, **wanted: Any) -> Watcher:
    return Watcher().watch(node.queues.queue_events(TENANT, after=after, **wanted))


def places(items: list[Any]) -> dict[Any, list[tuple[int, int]]]:
    found: dict[Any, list[tuple[int, int]]] = {}
    for item in items:
        found.setdefault(item.position.partition, []).append((item.position.offset, item.index))
    return found


def due(logs: QueueLogs, *names: str) -> dict[Any, list[tuple[int, int]]]:
    found: dict[Any, list[tuple[int, int]]] = {}
    for where, offset, index in logs.expected(lambda one: one.name in names and one.tenant == TENANT):
        found.setdefault(where, []).append((offset, index))
    return found


def begin(node: QueueNode) -> str:
    return node.codec.seal(TENANT, dict.fromkeys(node.logs.wheres, (0, 0)))


def busy(logs: QueueLogs) -> None:
    """Have two queues of three shards each, and others whose names begin alike, do something."""
    for queue, shards in (("orders", 3), ("orders2", 1), ("orders/x", 2)):
        logs.create(queue, shards)
    logs.create("orders", 1, tenant="other")
    for turn in range(4):
        for shard in range(3):
            logs.put("orders", f"{turn}", shard=shard)
        logs.put("orders2", "x")
        logs.put("orders/x", "x", shard=1)
        logs.put("orders", "x", tenant="other")
        logs.ack("orders", logs.take("orders", shard=turn % 3), shard=turn % 3)


async def test_all_shards_of_a_queue_are_watched_and_no_queue_that_begins_alike(
    logs: QueueLogs, node: QueueNode
) -> None:
    live = watch(node, queue="orders")
    live.allow(1000)
    await settle()
    busy(logs)
    await node.catch_up()
    wanted = due(logs, "orders", "orders#1", "orders#2")
    count = sum(map(len, wanted.values()))
    assert places(await live.got(count)) == wanted
    later = watch(node, begin(node), queue="orders")
    assert places(await later.got(count)) == wanted
    await settle()
    assert len(live.items) == len(later.items) == count
    assert {(item.queue, item.shard) for item in live.items} == {("orders", 0), ("orders", 1), ("orders", 2)}
    await live.leave()
    await later.leave()


async def test_a_prefix_takes_in_all_queues_that_begin_so(logs: QueueLogs, node: QueueNode) -> None:
    busy(logs)
    await node.catch_up()
    watcher = watch(node, begin(node), prefix="orders")
    names = ("orders", "orders#1", "orders#2", "orders2", "orders/x", "orders/x#1")
    wanted = due(logs, *names)
    assert places(await watcher.got(sum(map(len, wanted.values())))) == wanted
    await watcher.leave()


async def test_any_cursor_goes_on_right_behind_its_item_on_any_node_also_from_the_log(
    logs: QueueLogs, node: QueueNode
) -> None:
    busy(logs)
    for where in logs.wheres:
        logs.mark(where)
    other = QueueNode(logs, node.model, ring_bytes=0)
    await other.start()
    await node.catch_up()
    await other.catch_up()
    wanted = due(logs, "orders", "orders#1", "orders#2")
    count = sum(map(len, wanted.values()))
    first = await watch(node, begin(node), queue="orders").got(count)
    for split in range(count):
        rest = watch(other, first[split].cursor, queue="orders")
        got = first[: split + 1] + await rest.got(count - split - 1)
        assert places(got) == wanted, split
        await rest.leave()
    await other.stop()


async def test_only_some_kinds_come_if_only_those_are_asked_for(logs: QueueLogs, node: QueueNode) -> None:
    busy(logs)
    await node.catch_up()
    only = [QueueEventKind.DELIVERED]
    watcher = watch(node, begin(node), queue="orders", only=only)
    got = await watcher.got(4)
    await settle()
    assert [item.kind for item in watcher.items] == only * 4
    assert got[0].messages[0].attempts == 1
    assert (got[0].consumer.client, got[0].by.client) == ("c", "c")
    assert int(got[0].token) > 0
    await watcher.leave()


async def test_events_say_what_became_of_which_messages(logs: QueueLogs, node: QueueNode) -> None:
    logs.create("q")
    logs.put("q", "one", "two")
    first, second = logs.take("q")
    logs.commit(("c", NackMessages("q", 0, "", (first,), 5_000, "busy", False)))
    logs.ack("q", [second])
    await node.catch_up()
    watcher = watch(node, begin(node), queue="q")
    made, put, took, failed, done = await watcher.got(5)
    assert made.settings.max_attempts == 5
    assert made.incarnation
    assert [(int(one.number), one.size) for one in put.messages] == [(1, 3), (2, 3)]
    assert [int(one.number) for one in took.messages] == [1, 2]
    assert took.expires_lease_ms
    assert (failed.cause, failed.reason, failed.count) == ("NACKED", "busy", 1)
    assert failed.messages[0].due_lease_ms
    assert ([int(one.number) for one in done.messages], done.command) == ([2], "AckMessages")
    await watcher.leave()


async def test_long_lists_are_cut_and_counted(logs: QueueLogs, node: QueueNode) -> None:
    logs.create("q")
    logs.put("q", *["x"] * 150)
    await node.catch_up()
    watcher = watch(node, begin(node), queue="q")
    _, put = await watcher.got(2)
    assert (put.count, len(put.messages)) == (150, 100)
    await watcher.leave()


async def test_a_cursor_below_the_oldest_record_has_expired(logs: QueueLogs) -> None:
    class Trimmed(MemoryTopic):
        async def bounds(self) -> tuple[int, int]:
            return 3, len(self.records)

    busy(logs)
    for topic in logs.topics.values():
        topic.__class__ = Trimmed
    node = QueueNode(logs, Model(logs), ring_bytes=0)
    await node.start()
    await node.catch_up()
    for where in logs.wheres:
        logs.mark(where)
    old = node.codec.seal(TENANT, dict.fromkeys(logs.wheres, (1, 0)))
    assert await watch(node, old, queue="orders").ended() == "CURSOR_EXPIRED"
    await node.stop()


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({}, "BAD_ARGUMENT"),
        ({"queue": "a", "prefix": "a"}, "BAD_ARGUMENT"),
        ({"queue": "a#1"}, "BAD_ARGUMENT"),
        ({"queue": ""}, "BAD_NAME"),
        ({"prefix": "x" * 513}, "BAD_ARGUMENT"),
        ({"queue": "a", "after": "x"}, "CURSOR_INVALID"),
    ],
)
async def test_what_nobody_can_watch_is_refused(node: QueueNode, wanted: Any, code: str) -> None:
    assert await watch(node, **wanted).ended() == code


def test_every_event_has_a_kind_of_its_own() -> None:
    assert set(KINDS) == set(QUEUES.events)
    assert sorted(kind.name for kind in KINDS.values()) == sorted(kind.name for kind in QueueEventKind)


EVENTS = """subscription($after: String) {
    queueEvents(queue: "orders", only: [DELIVERED, ACKED, CREATED], after: $after) {
    __typename cursor kind queue shard position index number time leaseMs command by { client }
    ... on QueueChangedEvent { incarnation settings { leaseMs overflow maxBytes paused } route { shards } subscription }
    ... on MessagesEvent { subscription count token expiresLeaseMs consumer { client principal }
        messages { number attempts dueLeaseMs group size } } } }"""
DEPTH = """subscription { queueDepth(queue: "orders") { cursor queue exists messages bytes waiting oldest
    depth { ready leased total } shards { shard messages depth { ready } } subscriptions { name oldest depth { dead } }
    asOf { positions time } } }"""


@pytest.mark.parametrize(("query", "count"), [(EVENTS, 11), (DEPTH, 1)])
async def test_what_is_sent_is_what_the_executor_gives(
    logs: QueueLogs, node: QueueNode, query: str, count: int
) -> None:
    busy(logs)
    await node.catch_up()
    given = {"after": begin(node)} if "$after" in query else {}
    socket = await Socket(app_of(node)).begin()
    socket.subscribe("1", query, **given)
    context: Any = SimpleNamespace(stream=lambda name: getattr(node.queues, name), tenant=TENANT)
    async with aclosing(await build().stream(query, given, context)) as results:
        for _ in range(count):
            expected: Any = await anext(results)
            assert expected.errors is None
            assert (await socket.heard())["payload"] == json.loads(json.dumps({"data": expected.data}))
    await socket.leave("websocket")
