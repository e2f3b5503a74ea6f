"""WebSockets and event streams, through the application."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from api.http import MAX_BODY_BYTES
from api.subscriptions.serving import stopping
from api.subscriptions.sockets import SocketLimits
from tests.unit.api_subscriptions.asgi import INIT, Socket, Stream, app_of
from tests.unit.api_subscriptions.world import Logs, Node, settle

EVENTS = """subscription($name: String!, $after: String) {
    lockEvents(name: $name, after: $after) { cursor index position }
}"""
WATCH = "subscription { deadlocks { cursor } }"
SUBSCRIBE = {"type": "subscribe", "id": "1", "payload": {"query": EVENTS, "variables": {"name": "a"}}}


@pytest_asyncio.fixture
async def logs() -> Logs:
    return Logs(2)


@pytest_asyncio.fixture
async def node(logs: Logs) -> AsyncIterator[Node]:
    running = await Node(logs).start()
    await running.catch_up()
    yield running
    await running.stop()


async def changed(logs: Logs, node: Node, name: str = "a", times: int = 1) -> None:
    await settle()
    for _ in range(times):
        logs.toggle(name)
    await node.catch_up()


async def test_a_subscription_over_a_socket_and_its_end_by_the_client(logs: Logs, node: Node) -> None:
    socket = await Socket(app_of(node)).begin()
    socket.subscribe("1", EVENTS, name="a")
    await changed(logs, node)
    heard = await socket.heard()
    assert (heard["id"], heard["type"]) == ("1", "next")
    assert heard["payload"]["data"]["lockEvents"]["position"] == f"{logs.where('a')}@2"
    socket.say({"id": "1", "type": "complete"})
    await settle()
    assert node.hub.subscriptions == 0
    await changed(logs, node)
    await settle()
    assert socket.silent()
    await socket.leave("websocket")


async def test_two_sockets_of_two_nodes_follow_one_cursor(logs: Logs, node: Node) -> None:
    other = await Node(logs).start()
    first, second = await Socket(app_of(node)).begin(), await Socket(app_of(other)).begin()
    first.subscribe("1", EVENTS, name="a")
    await changed(logs, node, times=3)
    cursor = (await first.heard())["payload"]["data"]["lockEvents"]["cursor"]
    await first.leave("websocket")
    await other.catch_up()
    second.subscribe("x", EVENTS, name="a", after=cursor)
    positions = [(await second.heard())["payload"]["data"]["lockEvents"]["position"] for _ in range(2)]
    assert positions == [f"{logs.where('a')}@3", f"{logs.where('a')}@4"]
    await second.leave("websocket")
    await other.stop()


async def test_a_socket_that_closes_leaves_nothing_behind(logs: Logs, node: Node) -> None:
    socket = await Socket(app_of(node)).begin()
    socket.subscribe("1", EVENTS, name="a")
    socket.subscribe("2", EVENTS, name="b")
    await settle()
    assert node.hub.subscriptions == 2
    await socket.leave("websocket")
    assert node.hub.subscriptions == 0


async def test_a_node_that_stops_sends_cursors_before_it_goes(logs: Logs, node: Node) -> None:
    socket = await Socket(app_of(node)).begin()
    socket.subscribe("1", EVENTS, name="a")
    await changed(logs, node)
    cursor = (await socket.heard())["payload"]["data"]["lockEvents"]["cursor"]
    node.hub.close(stopping)
    await node.hub.left(1)
    heard = await socket.heard()
    assert heard["type"] == "error"
    assert heard["payload"][0]["extensions"] == {
        "code": "SERVER_STOPPING", "cursor": cursor, "retryAfterMs": 100,
    }  # fmt: skip
    await socket.leave("websocket")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { nothing }", "GRAPHQL_INVALID"),
        ("subscription {", "GRAPHQL_SYNTAX"),
        ("subscription { deadlocks(after: 3) { cursor } }", "GRAPHQL_INVALID"),
        ('subscription { deadlocks { cursor } lockEvents(name: "a") { cursor } }', "GRAPHQL_INVALID"),
        ('subscription { deadlocks(after: "AAAA") { cursor } }', "CURSOR_INVALID"),
        ("subscription($n: String!) { lockEvents(name: $n) { cursor } }", "GRAPHQL_INVALID"),
        ("subscription { lockEvents { cursor } }", "BAD_ARGUMENT"),
        ("subscription { deadlocks @skip(if: true) { cursor } }", "GRAPHQL_INVALID"),
        ("subscription { deadlocks { cursor victim { client { x } } } }", "GRAPHQL_INVALID"),
        ("{" + "a" * 40_000 + "}", "QUERY_TOO_LONG"),
    ],
)
async def test_what_cannot_run_is_an_error_of_its_operation_alone(node: Node, query: str, code: str) -> None:
    socket = await Socket(app_of(node)).begin()
    socket.subscribe("1", query)
    heard = await socket.heard()
    assert (heard["id"], heard["type"], heard["payload"][0]["extensions"]["code"]) == ("1", "error", code)
    socket.say({"type": "ping"})
    assert await socket.heard() == {"type": "pong"}
    await socket.leave("websocket")


async def test_queries_come_over_a_socket_too(node: Node) -> None:
    socket = await Socket(app_of(node)).begin()
    socket.subscribe("q", "{ __typename }")
    assert await socket.heard() == {"id": "q", "type": "next", "payload": {"data": {"__typename": "Query"}}}
    assert await socket.heard() == {"id": "q", "type": "complete"}
    await socket.leave("websocket")


async def test_a_connection_has_so_many_operations(logs: Logs, node: Node) -> None:
    socket = await Socket(app_of(node)).begin()
    for number in "1234":
        socket.subscribe(number, EVENTS, name="a")
    heard = await socket.heard()
    assert (heard["id"], heard["payload"][0]["extensions"]["code"]) == ("4", "TOO_MANY_SUBSCRIPTIONS")
    await socket.leave("websocket")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}], 4401),
        ([{"type": "connection_init", "payload": {"Authorization": "Bearer wrong"}}], 4403),
        ([{"type": "connection_init"}], 4403),
        ([{"type": "connection_init", "payload": {"Authorization": "wrong"}}], 4403),
        ([INIT, INIT], 4429),
        ([INIT, {"type": "what"}], 4400),
        ([INIT, {"type": "subscribe", "id": "1", "payload": {}}], 4400),
        ([INIT, {"type": "subscribe", "id": "", "payload": {"query": "{ __typename }"}}], 4400),
        ([INIT, {"type": "subscribe", "id": "x" * 200, "payload": {"query": "{ __typename }"}}], 4400),
        ([INIT, {"type": "subscribe", "id": 1, "payload": {"query": "{ __typename }"}}], 4400),
        ([INIT, {"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": []}}], 4400),
        ([INIT, "no json"], 4400),
        ([{"type": "connection_init", "payload": {"Authorization": "Bearer \ud800"}}], 4403),
        ([INIT, *[{"type": "subscribe", "id": "\ud800", "payload": {"query": WATCH}}] * 2], 4409),
        ([INIT, "[" * 100_000], 4400),
        ([INIT, "[]"], 4400),
        (
            [
                INIT,
                *[{"type": "subscribe", "id": "1", "payload": {"query": EVENTS, "variables": {"name": "a"}}}]
                * 2,
            ],
            4409,
        ),
    ],
)
async def test_who_does_not_keep_to_the_protocol_is_closed_by_its_code(
    node: Node, said: list[Any], code: int
) -> None:
    socket = Socket(app_of(node))
    assert (await socket.sent())["type"] == "websocket.accept"
    for message in said:
        socket.say(message)
    while (sent := await socket.sent())["type"] != "websocket.close":
        assert json.loads(sent["text"]) == {"type": "connection_ack"}
    assert sent["code"] == code
    await socket.task
    assert node.hub.subscriptions == 0


async def test_who_says_nothing_is_closed_in_time(node: Node) -> None:
    socket = Socket(app_of(node, SocketLimits(init_s=0.05)))
    assert (await socket.sent())["type"] == "websocket.accept"
    assert (await socket.sent())["code"] == 4408
    await socket.task


async def test_another_protocol_is_not_spoken(node: Node) -> None:
    socket = Socket(app_of(node), "graphql-ws")
    assert (await socket.sent())["type"] == "websocket.accept"
    assert (await socket.sent())["code"] == 4406


async def test_an_event_stream_goes_on_behind_the_last_event_id(logs: Logs, node: Node) -> None:
    app = app_of(node)
    stream = Stream(app, EVENTS, name="a")
    assert await stream.begin() == 200
    await changed(logs, node, times=3)
    event = await stream.event()
    item = json.loads(event["data"])["data"]["lockEvents"]
    assert (event["event"], event["id"], item["index"]) == ("next", item["cursor"], 0)
    await stream.leave("http")
    assert node.hub.subscriptions == 0
    resumed = Stream(app, EVENTS, ("last-event-id", event["id"]), name="a")
    await resumed.begin()
    positions = [
        json.loads((await resumed.event())["data"])["data"]["lockEvents"]["position"] for _ in range(2)
    ]
    assert positions == [f"{logs.where('a')}@3", f"{logs.where('a')}@4"]
    node.hub.close(stopping)
    ended = await resumed.event()
    assert json.loads(ended["data"])["errors"][0]["extensions"]["code"] == "SERVER_STOPPING"
    assert (await resumed.event())["event"] == "complete"
    await resumed.task


async def test_an_event_stream_needs_a_token_and_a_query(node: Node) -> None:
    app = app_of(node)
    assert await Stream(app, EVENTS, token="wrong", name="a").begin() == 401
    assert await Stream(app, "").begin() == 400
    stream = Stream(app, "subscription { nothing }")
    assert await stream.begin() == 200
    assert json.loads((await stream.event())["data"])["errors"][0]["extensions"]["code"] == "GRAPHQL_INVALID"
    assert (await stream.event())["event"] == "complete"


async def test_an_event_stream_is_asked_for_in_json_or_by_get_and_get_changes_nothing(node: Node) -> None:
    app, release = app_of(node), 'mutation { releaseLock(session: "s", name: "a", token: 1) { __typename } }'
    assert await Stream(app, EVENTS, kind="text/plain", name="a").begin() == 400
    assert await Stream(app, EVENTS, method="PUT", name="a").begin() == 405
    assert await Stream(app, EVENTS, ("content-length", str(MAX_BODY_BYTES + 1))).begin() == 413
    changing = Stream(app, release, method="GET")
    assert await changing.begin() == 200
    event = await changing.event()
    assert json.loads(event["data"])["errors"][0]["extensions"]["code"] == "METHOD_NOT_ALLOWED"
    asking = Stream(app, "{ __typename }", method="GET", kind="")
    assert await asking.begin() == 200
    assert json.loads((await asking.event())["data"]) == {"data": {"__typename": "Query"}}


async def test_who_leaves_in_the_middle_of_asking_for_a_stream_is_let_go(node: Node) -> None:
    stream = Stream(app_of(node), EVENTS, body=False)
    stream.push({"type": "http.request", "body": b"{", "more_body": True})
    await stream.leave("http")
    assert stream.silent()


async def test_what_quotes_its_asker_can_always_be_sent(node: Node) -> None:
    query = "query ($s: LockMode) { locks(first: 1, filter: { state: $s }) { nodes { name } } }"
    socket = await Socket(app_of(node)).begin()
    socket.subscribe("\ud800", query, s="\ud800")
    heard = await socket.heard()
    assert heard["payload"]["errors"][0]["extensions"]["code"] == "GRAPHQL_INVALID"
    assert (await socket.heard())["type"] == "complete"
    await socket.leave("websocket")
