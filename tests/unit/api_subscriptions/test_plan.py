"""Plans render what GraphQL's own executor gives."""

from __future__ import annotations

import json
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_abstract_type

from api.schema import build
from api.selections import DEFINITION
from tests.unit.api_subscriptions.asgi import Socket, app_of
from tests.unit.api_subscriptions.world import TENANT, Logs, Node, settle

PARTY = "fragment P on Party { principal client handle sequence }"
QUERIES = [
    """subscription($after: String) { lockEvents(name: "a", after: $after) {
        __typename cursor name position index number time leaseMs command by { ...P } why
        ... on LockGrantedEvent { holder { ...P } token mode ttlMs expiresLeaseMs waitTicket }
        ... on LockWaitStartedEvent { waiter { ...P } ticket place mode priority upgradeOf waitUntilLeaseMs }
        ... on LockReleasedEvent { token }
        ... on LockWaitAbortedEvent { waiter { ...P } cycle { transaction lock ticket blocker blockerToken } }
    } }"""
    + PARTY,
    """subscription($after: String, $full: Boolean = false) { got: lockEvents(name: "a", after: $after) {
        c: cursor by { client } by { handle } ... @include(if: $full) { why }
        ... on LockEvent { kind: __typename name @skip(if: $full) } ...G ...G
    } } fragment G on LockGrantedEvent { token t: token }""",
    """subscription($after: String) { lock(name: "a", after: $after) { cursor name position time
        state { mode holderCount waiterCount token delayUntilLeaseMs
            holders { principal client handle token mode ttlMs untilLeaseMs lockDelayMs since transaction { id } }
            waiters { place ticket client mode priority transaction { id } since position } }
        events { __typename index why ... on LockReleasedEvent { token } }
    } }""",
    """subscription($after: String) { deadlocks(after: $after) { cursor name position time victim { client } ticket
        cycle { transaction lock ticket blocker blockerToken } } }""",
]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("query", QUERIES)
async def test_a_plan_renders_what_the_executor_gives(query: str, full: bool) -> None:
    logs = Logs(1)
    for client in "abcad":
        logs.toggle("a", client)
    logs.deadlock("a", "c")
    node = await Node(logs).start()
    await node.catch_up()
    node.projected.at[logs.where("a")] = 2
    begin = node.codec.seal(TENANT, dict.fromkeys(logs.wheres, (0, 0)))
    given: dict[str, Any] = {"after": begin} | ({"full": full} if "$full" in query else {})
    socket = await Socket(app_of(node)).begin()
    socket.subscribe("1", query, **given)
    context: Any = SimpleNamespace(stream=lambda name: getattr(node.live, name), tenant=TENANT)
    stream = await build().stream(query, given, context)
    count = 1 if "deadlocks" in query else len({(one.offset) for one in logs.happened})
    async with aclosing(stream) as results:
        for _ in range(count):
            expected: Any = await anext(results)
            assert expected.errors is None
            assert (await socket.heard())["payload"] == json.loads(json.dumps({"data": expected.data}))
    await socket.leave("websocket")
    await node.stop()


def test_live_items_are_plain_values_down_to_their_leaves() -> None:
    schema = build()._schema
    root = schema.subscription_type
    assert root is not None
    seen: set[str] = set()
    resolved = [
        f"{kind.name}.{name}"
        for field in root.fields.values()
        for kind in _reached(schema, get_named_type(field.type), seen)
        for name, inner in kind.fields.items()
        if inner.extensions[DEFINITION].base_resolver is not None or inner.args
    ]
    assert resolved == []
    assert len(seen) > 20


def _reached(schema: GraphQLSchema, kind: Any, seen: set[str]) -> list[GraphQLObjectType]:
    if kind.name in seen:
        return []
    seen.add(kind.name)
    if is_abstract_type(kind):
        return [one for sub in schema.get_possible_types(kind) for one in _reached(schema, sub, seen)]
    if not isinstance(kind, GraphQLObjectType):
        return []
    inner = [
        one for field in kind.fields.values() for one in _reached(schema, get_named_type(field.type), seen)
    ]
    return [kind, *inner]


async def test_who_selects_the_same_is_sent_the_same_text() -> None:
    logs = Logs(1)
    node = await Node(logs).start()
    await node.catch_up()
    app = app_of(node)
    sockets = [await Socket(app).begin() for _ in range(3)]
    for socket in sockets:
        socket.subscribe("1", 'subscription { lockEvents(name: "a") { cursor why } }')
    await settle(100)
    assert node.hub.subscriptions == 3
    logs.toggle("a")
    await node.catch_up()
    heard = [await socket.heard() for socket in sockets]
    assert heard[0] == heard[1] == heard[2]
    for socket in sockets:
        await socket.leave("websocket")
    await node.stop()
