"""Watching nodes and services: each change once, in order, from any place."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from api.schema import build
from api.subscriptions.convert_nodes import KINDS
from api.subscriptions.node_types import NodeEventKind
from streams.domain.nodes import events as of
from streams.domain.nodes.commands import DrainNode, PullBrake, SweepDone
from streams.domain.nodes.kind import NODES
from tests.unit.api_subscriptions.asgi import Socket, app_of
from tests.unit.api_subscriptions.node_world import Model, NodeLogs, NodeNode
from tests.unit.api_subscriptions.world import TENANT, Watcher, settle


@pytest_asyncio.fixture
async def logs() -> NodeLogs:
    return NodeLogs(3)


@pytest_asyncio.fixture
async def node(logs: NodeLogs) -> AsyncIterator[NodeNode]:
    running = NodeNode(logs, Model(logs))
    await running.start()
    await running.catch_up()
    yield running
    await running.stop()


def events(node: NodeNode, after: str | None = None, **wanted: Any) -> Watcher:
    return Watcher().watch(node.nodes.node_events(TENANT, after=after, **wanted))


def service(node: NodeNode, after: str | None = None, name: str = "pay") -> Watcher:
    return Watcher().watch(node.nodes.service_instances(TENANT, name, after))


def begin(node: NodeNode, *wheres: Any) -> str:
    return node.codec.seal(TENANT, dict.fromkeys(wheres or node.logs.wheres, (0, 0)))


def there(item: Any) -> dict[str, Any]:
    return {one.name: (one.weight, one.healthy) for one in item.instances}


def whats(item: Any) -> list[tuple[str, str]]:
    return [(str(change.what), change.instance.name) for change in item.changes]


def test_every_event_of_nodes_and_the_brake_has_a_kind() -> None:
    services = {
        of.InstanceRegistered, of.InstanceUpdated, of.InstanceHealthChanged, of.InstancesLeft, of.WatchStarted,
        of.WatchEnded,
    }  # fmt: skip
    assert set(KINDS) == set(NODES.events) - services
    assert len(set(KINDS.values())) == len(KINDS) == len(NodeEventKind)


async def test_a_node_is_watched_by_its_name(logs: NodeLogs, node: NodeNode) -> None:
    watcher = events(node, name="n1")
    watcher.allow(9)
    await settle()
    session = logs.join("n1")
    logs.join("n12")
    logs.beat("n1", session)
    logs.commit(("op", DrainNode("n1", "patch")))
    logs.evict("n1")
    logs.commit(("sweeper", SweepDone("n1", session, 3)))
    await node.catch_up()
    items = await watcher.got(4)
    assert [one.kind.value for one in items] == ["REGISTERED", "DRAINED", "LEFT", "SWEPT"]
    registered, drained, left, swept = items
    assert (registered.name, registered.session, registered.registration.zone) == ("n1", session, "z")
    assert (drained.why, drained.by.client, drained.command) == ("patch", "op", "DrainNode")
    assert (left.cause, left.why, swept.cause_id) == ("EVICTED", "broken", left.cause_id)
    await watcher.leave()


async def test_a_prefix_takes_in_all_nodes_that_begin_so_and_no_service(
    logs: NodeLogs, node: NodeNode
) -> None:
    for name in ("n1", "n2", "m1", "service"):
        logs.join(name)
    logs.join("n1", tenant="other")
    logs.offer("i1")
    logs.commit(("op", PullBrake(0, 0, 0, "switch")))
    await node.catch_up()
    every = events(node, begin(node), prefix="")
    assert {(one.name, one.kind.value) for one in await every.got(5)} == {
        ("n1", "REGISTERED"), ("n2", "REGISTERED"), ("m1", "REGISTERED"), ("service", "REGISTERED"),
        ("brake", "PULLED"),
    }  # fmt: skip
    some = events(node, begin(node), prefix="n")
    assert {one.name for one in await some.got(2)} == {"n1", "n2"}
    only = events(node, begin(node), prefix="", only=[NodeEventKind.PULLED])
    assert [one.why for one in await only.got(1)] == ["switch"]
    await settle()
    assert (len(every.items), len(some.items), len(only.items)) == (5, 2, 1)
    for watcher in (every, some, only):
        await watcher.leave()


async def test_heartbeats_come_if_they_are_asked_for(logs: NodeLogs, node: NodeNode) -> None:
    session = logs.join("n1")
    logs.beat("n1", session, 7)
    await node.catch_up()
    for wanted in ({"name": "n1"}, {"prefix": "n"}):
        watcher = events(node, begin(node, logs.where("n1")) if "name" in wanted else begin(node),
                         heartbeats=True, **wanted)  # fmt: skip
        _, heard = await watcher.got(2)
        assert (heard.kind.value, [(one.name, one.load) for one in heard.beats]) == ("HEARD", [("n1", 7)])
        await watcher.leave()


async def test_any_cursor_of_events_goes_on_right_behind_its_item_also_from_the_log(
    logs: NodeLogs, node: NodeNode
) -> None:
    for turn in range(3):
        for name in ("n1", "n2", "n3"):
            session = logs.join(f"{name}-{turn}")
            logs.beat(f"{name}-{turn}", session)
            logs.evict(f"{name}-{turn}")
    other = NodeNode(logs, node.model, ring_bytes=0)
    await other.start()
    await node.catch_up()
    await other.catch_up()
    first = await events(node, begin(node), prefix="n").got(18)
    for split in range(18):
        rest = events(other, first[split].cursor, prefix="n")
        got = first[: split + 1] + await rest.got(17 - split)
        assert len({(one.position, one.index) for one in got}) == len(got) == 18, split
        await rest.leave()
    await other.stop()


async def test_either_a_name_or_a_prefix(node: NodeNode) -> None:
    assert await events(node).ended() == "BAD_ARGUMENT"
    assert await events(node, name="a", prefix="b").ended() == "BAD_ARGUMENT"


async def test_a_service_is_shown_as_it_stands_and_then_after_each_change(
    logs: NodeLogs, node: NodeNode
) -> None:
    logs.offer("i1")
    logs.offer("i2")
    await node.catch_up()
    watcher = service(node)
    (first,) = await watcher.got(1)
    assert (there(first), first.changes) == ({"i1": (100, True), "i2": (100, True)}, [])
    assert (first.version, first.position) == (first.instances[1].version, first.instances[1].position)
    logs.weigh("i1", 7)
    logs.fail("i2")
    logs.leave("i2")
    logs.leave("i1")
    await node.catch_up()
    items = await watcher.got(5)
    assert [there(one) for one in items[1:]] == [
        {"i1": (7, True), "i2": (100, True)}, {"i1": (7, True), "i2": (100, False)}, {"i1": (7, True)}, {},
    ]  # fmt: skip
    assert [whats(one) for one in items[1:]] == [
        [("UPDATED", "i1")], [("UNHEALTHY", "i2")], [("LEFT", "i2")], [("LEFT", "i1")],
    ]  # fmt: skip
    assert items[-1].version == 0
    assert items[1].instances[0].node == "n"
    await watcher.leave()


async def test_a_service_that_nobody_offers_is_empty_until_somebody_does(
    logs: NodeLogs, node: NodeNode
) -> None:
    watcher = service(node)
    (first,) = await watcher.got(1)
    assert (first.version, first.instances) == (0, [])
    logs.offer("i1", tenant="other")
    logs.offer("i1", service="other")
    logs.offer("i1")
    await node.catch_up()
    _, second = await watcher.got(2)
    assert there(second) == {"i1": (100, True)}
    await settle()
    assert len(watcher.items) == 2
    await watcher.leave()


async def test_what_two_watch_is_made_once_and_a_read_model_that_is_behind_repeats_nothing(
    logs: NodeLogs, node: NodeNode
) -> None:
    logs.offer("i1")
    await node.catch_up()
    logs.offer("i2")
    await super(NodeNode, node).catch_up()  # the read model stays behind
    watchers = [service(node), service(node)]
    for watcher in watchers:
        first, second = await watcher.got(2)
        assert (set(there(first)), set(there(second))) == ({"i1"}, {"i1", "i2"})
    logs.weigh("i1", 3)
    await node.catch_up()
    one, other = [(await watcher.got(3))[-1] for watcher in watchers]
    assert one is other
    late = service(node)
    late.allow(2)
    await settle()
    logs.weigh("i1", 4)
    await node.catch_up()
    assert (await late.got(2))[-1] is (await watchers[0].got(4))[-1]
    for watcher in (late, *watchers):
        await watcher.leave()


async def test_any_cursor_of_a_service_goes_on_right_behind_its_item_on_any_node(
    logs: NodeLogs, node: NodeNode
) -> None:
    watcher = service(node)
    await watcher.got(1)
    for turn in range(5):
        logs.offer(f"i{turn}")
        logs.weigh(f"i{turn}", turn)
    logs.leave("i3")
    await node.catch_up()
    whole = await watcher.got(12)
    other = NodeNode(logs, node.model, ring_bytes=0)
    await other.start()
    await other.catch_up()
    for split in range(12):
        rest = service(other, whole[split].cursor)
        got = await rest.got(11 - split)
        told = [(one.position, there(one), whats(one)) for one in got]
        assert told == [(one.position, there(one), whats(one)) for one in whole[split + 1 :]], split
        await rest.leave()
    await other.stop()
    await watcher.leave()


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (
            """subscription ($after: String) { nodeEvents(prefix: "", heartbeats: true, after: $after) { cursor kind
            name position index number time leaseMs command by { client } session registration { zone labels { name } }
            checks { name } beats { name load health } evidence { beats } cause causeId barredUntilLeaseMs
            dead of why } }""",
            4,
        ),
        (
            """subscription { serviceInstances(service: "pay") { cursor service position time version
            instances { name session nodeName principal address zone weight metadata { name } healthy draining reason
            version since } changes { what cause why instance { name } } } }""",
            1,
        ),
    ],
)
async def test_what_is_sent_is_what_graphql_makes_of_it(
    logs: NodeLogs, node: NodeNode, query: str, count: int
) -> None:
    session = logs.join("n1")
    logs.beat("n1", session)
    logs.evict("n1")
    logs.commit(("op", PullBrake(0, 0, 0, "switch")))
    logs.offer("i1")
    await node.catch_up()
    given = {"after": begin(node)} if "$after" in query else {}
    socket = await Socket(app_of(node)).begin()
    socket.subscribe("1", query, **given)
    context: Any = SimpleNamespace(stream=lambda name: getattr(node.nodes, name), tenant=TENANT)
    async with aclosing(await build().stream(query, given, context)) as results:
        for _ in range(count):
            expected: Any = await anext(results)
            assert expected.errors is None
            assert (await socket.heard())["payload"] == json.loads(json.dumps({"data": expected.data}))
    await socket.leave("websocket")
