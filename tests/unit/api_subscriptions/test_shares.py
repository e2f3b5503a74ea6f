"""What one principal may have of a node: no more, whatever way it comes, and again what it gave back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from api.identity import Identity
from api.subscriptions.errors import TooManyConnections
from api.subscriptions.shares import ShareLimits, Shares
from tests.unit.api_subscriptions.asgi import INIT, Socket, Stream, app_of
from tests.unit.api_subscriptions.world import Logs, Node, settle

WATCH = "subscription { deadlocks { cursor } }"


@pytest_asyncio.fixture
async def node() -> AsyncIterator[Node]:
    running = await Node(Logs(1)).start()
    await running.catch_up()
    yield running
    await running.stop()


async def test_a_principal_has_so_many_connections(node: Node) -> None:
    app = app_of(node, shares=ShareLimits(connections=2))
    first, stream = await Socket(app).begin(), Stream(app, WATCH)
    assert await stream.begin() == 200
    refused = Socket(app)
    refused.say(INIT)
    assert (await refused.sent())["type"] == "websocket.accept"
    closed = await refused.sent()
    assert (closed["type"], closed["code"]) == ("websocket.close", 1013)
    assert closed["reason"].startswith("TOO_MANY_CONNECTIONS: ")
    assert closed["reason"].endswith("use another node.")
    late = Stream(app, WATCH)
    assert await late.begin() == 429
    (error,) = json.loads((await late.sent())["body"])["errors"]
    assert error["extensions"] == {"code": "TOO_MANY_CONNECTIONS", "retryAfterMs": 1000}
    await first.leave("websocket")
    again = await Socket(app).begin()
    await stream.leave("http")
    assert await Stream(app, WATCH, token="wrong").begin() == 401
    last = Stream(app, WATCH)
    assert await last.begin() == 200
    await last.leave("http")
    await again.leave("websocket")


async def test_a_principal_has_so_many_subscriptions(node: Node) -> None:
    app = app_of(node, shares=ShareLimits(subscriptions=2))
    one, two = await Socket(app).begin(), await Socket(app).begin()
    for socket in (one, two):
        socket.subscribe("1", WATCH)
    await settle()
    one.subscribe("2", WATCH)
    heard = await one.heard()
    assert (heard["id"], heard["payload"][0]["extensions"]["code"]) == ("2", "TOO_MANY_SUBSCRIPTIONS")
    assert "another node" in heard["payload"][0]["message"]
    one.subscribe("q", "{ __typename }")
    assert (await one.heard())["type"] == "next"
    await two.leave("websocket")
    one.subscribe("3", WATCH)
    await settle()
    assert node.hub.subscriptions == 2
    await one.leave("websocket")
    assert node.hub.subscriptions == 0


def test_what_one_has_is_not_taken_from_another_and_nothing_is_kept_of_who_left() -> None:
    share = Shares(ShareLimits(connections=1)).connections
    with (
        share.one(Identity("t", "a", "x")),
        share.one(Identity("t", "b", "x")),
        share.one(Identity("u", "a", "x")),
        pytest.raises(TooManyConnections),
        share.one(Identity("t", "a", "another token")),
    ):
        pytest.fail("a second one of the same")
    assert not share._taken
