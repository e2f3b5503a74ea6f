"""What can be asked about nodes, services and the brake, over read models in memory."""

from __future__ import annotations

from typing import Any

import pytest

from streams.domain.nodes import commands as c
from streams.domain.nodes import events as e
from tests.unit.api.node_world import node_world
from tests.unit.api.world import World
from tests.unit.projections.nodes.spec import (
    BRAKE,
    EVIDENCE,
    SERVICE,
    at,
    did,
    died,
    due,
    offer,
    registered,
)

LABELS = (c.Label("role", "db"),)
FILLED = (
    at(1_000, did(registered(labels=LABELS)), did(registered("n2", 2), key="dev/n2")),  # offset 2
    at(
        2_000,
        did(e.NodeDrained("n1:1", "root", "patch")),
        did(offer(4), offer(5, "i2", session="n2:2"), key=SERVICE),
    ),
    at(3_000, due(e.NodeSuspected("n2:2", EVIDENCE), key="dev/n2")),
    at(4_000, due(died("n2:2", strikes=3, barred_until=1_040), key="dev/n2")),
    at(
        5_000,
        did(e.MassFailureAlarmed(3, 4, 10_000, "c", 9), e.BrakePulled(10, 0, "root", "3 of 4"), key=BRAKE),
    ),
)
THEN = "1970-01-01T00:00:0{}.000Z"


async def test_a_node_tells_what_it_said_and_how_it_is() -> None:
    world, _ = await node_world(*FILLED)
    found = await world.ask(
        """{ node(name: "n1") { name status since session principal registeredAt address zone labels { name value }
        capacity metadata { name } timeoutMs draining drainedBy drainedWhy checks { name } health load heardAt strikes
        evidence { beats } cause unswept { session } position changedAt asOf { positions } } }"""
    )
    assert found["node"] == {
        "name": "n1", "status": "ALIVE", "since": THEN.format(1), "session": "n1:1", "principal": "alice",
        "registeredAt": THEN.format(1), "address": "10.0.0.1:80", "zone": "z1",
        "labels": [{"name": "role", "value": "db"}], "capacity": 8, "metadata": [], "timeoutMs": 5_000,
        "draining": True, "drainedBy": "root", "drainedWhy": "patch", "checks": [], "health": "PASSING", "load": 0,
        "heardAt": THEN.format(1), "strikes": 0, "evidence": None, "cause": None, "unswept": [],
        "position": "nodes/0@3", "changedAt": THEN.format(2), "asOf": {"positions": ["nodes/0@6"]},
    }  # fmt: skip


async def test_a_dead_node_tells_its_evidence() -> None:
    world, _ = await node_world(*FILLED)
    found = await world.ask(
        """{ node(name: "n2") { status cause causeId endedBy endedAt barredUntil strikes
        evidence { heardLeaseMs silentMs beats intervalMs } unswept { session cause causeId endedAt } } }"""
    )
    assert found["node"] == {
        "status": "ENDED", "cause": "SILENT", "causeId": "9", "endedBy": "", "endedAt": THEN.format(4),
        "barredUntil": THEN.format(5), "strikes": 3,
        "evidence": {"heardLeaseMs": "10", "silentMs": "2500", "beats": "3", "intervalMs": 1000},
        "unswept": [{"session": "n2:2", "cause": "SILENT", "causeId": "9", "endedAt": THEN.format(4)}],
    }  # fmt: skip


async def test_a_node_as_of_a_position_or_a_time() -> None:
    world, _ = await node_world(*FILLED)
    query = 'query ($at: At) { node(name: "n2", at: $at) { status asOf { positions time } } }'
    assert (await world.ask(query, at="nodes/0@4"))["node"] == {
        "status": "SUSPECTED", "asOf": {"positions": ["nodes/0@4"], "time": None},
    }  # fmt: skip
    assert (await world.ask(query, at=THEN.format(2)))["node"]["status"] == "ALIVE"
    assert (await world.ask(query, at=THEN.format(0)))["node"] is None
    assert (await world.refused(query, at="queues/0@4"))["code"] == "POSITION_INVALID"


async def test_what_is_no_node_is_said() -> None:
    world, _ = await node_world(*FILLED)
    assert (await world.ask('{ node(name: "n9") { name } }')) == {"node": None}
    for name in ("service:pay", "brake"):
        assert (await world.refused(f'{{ node(name: "{name}") {{ name }} }}'))["code"] == "BAD_ARGUMENT"


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("{}", ["n1", "n2"]),
        ("{ status: ENDED }", ["n2"]),
        ("{ draining: true, health: PASSING }", ["n1"]),
        ('{ labels: [{ name: "role", value: "db" }] }', ["n1"]),
        ('{ namePrefix: "n2", zone: "z1" }', ["n2"]),
        ('{ zone: "z9" }', []),
    ],
)
async def test_nodes_are_filtered(wanted: str, names: list[str]) -> None:
    world, _ = await node_world(*FILLED)
    found = await world.ask(f"{{ nodes(first: 9, filter: {wanted}) {{ nodes {{ name }} }} }}")
    assert [one["name"] for one in found["nodes"]["nodes"]] == names


async def test_nodes_come_in_pages_with_their_histories_in_one_question() -> None:
    world, reads = await node_world(*FILLED)
    query = """query ($after: String) { nodes(first: 1, after: $after) { nodes { name
        history(first: 1) { nodes { what by why until node { status } } pageInfo { hasNextPage endCursor } } }
        pageInfo { hasNextPage endCursor } asOf { positions } } }"""
    page = (await world.ask(query))["nodes"]
    (node,) = page["nodes"]
    (change,) = node["history"]["nodes"]
    assert (node["name"], change["what"], change["by"], change["why"]) == ("n1", "DRAINED", "root", "patch")
    assert (change["until"], change["node"]["status"]) == (None, "ALIVE")
    assert page["pageInfo"]["hasNextPage"] and node["history"]["pageInfo"]["hasNextPage"]
    rest = (await world.ask(query, after=page["pageInfo"]["endCursor"]))["nodes"]
    assert [one["name"] for one in rest["nodes"]] == ["n2"]
    both = "{ nodes(first: 9) { nodes { history(first: 9) { nodes { what untilTime } } } } }"
    reads.asked.clear()
    found = (await world.ask(both))["nodes"]["nodes"]
    assert [[one["what"] for one in each["history"]["nodes"]] for each in found] == [
        ["DRAINED", "REGISTERED"], ["DIED", "SUSPECTED", "REGISTERED"],
    ]  # fmt: skip
    assert found[1]["history"]["nodes"][1]["untilTime"] == THEN.format(4)
    assert reads.asked == {"node_histories": 1}
    cursor = node["history"]["pageInfo"]["endCursor"]
    more = f'{{ node(name: "n1") {{ history(first: 9, after: "{cursor}") {{ nodes {{ what }} }} }} }}'
    assert (await world.ask(more))["node"]["history"]["nodes"] == [{"what": "REGISTERED"}]
    other = more.replace('"n1"', '"n2"')
    assert (await world.refused(other))["code"] == "CURSOR_INVALID"


async def test_a_service_tells_its_instances_with_the_load_of_their_nodes() -> None:
    world, reads = await node_world(*FILLED)
    found = await world.ask(
        """{ service(name: "pay") { name version instanceCount healthyCount drainingCount since position
        instances { name zone weight healthy draining reason version since nodeName node { status load } } } }"""
    )
    service = found["service"]
    assert (service["version"], service["instanceCount"], service["healthyCount"]) == ("5", 2, 2)
    assert [(one["name"], one["nodeName"], one["node"]["status"]) for one in service["instances"]] == [
        ("i1", "n1", "ALIVE"), ("i2", "n2", "ENDED"),
    ]  # fmt: skip
    assert reads.asked == {"services_by_name": 1, "nodes_by_name": 1}
    assert (await world.ask('{ service(name: "none") { name } }')) == {"service": None}


async def test_services_come_in_pages_and_as_of_then() -> None:
    world, _ = await node_world(*FILLED)
    found = await world.ask("{ services(first: 9) { nodes { name instanceCount instances { name } } } }")
    assert found["services"]["nodes"] == [
        {"name": "pay", "instanceCount": 2, "instances": [{"name": "i1"}, {"name": "i2"}]}
    ]
    none = await world.ask("{ services(first: 9, filter: { healthy: false }) { nodes { name } } }")
    assert none["services"]["nodes"] == []
    then = 'query ($at: At) { service(name: "pay", at: $at) { instances { name } since } }'
    assert (await world.ask(then, at="nodes/0@2")) == {"service": None}
    assert (await world.ask(then, at="nodes/0@3"))["service"]["since"] is None


async def test_a_service_tells_its_history() -> None:
    world, _ = await node_world(*FILLED)
    query = """{ service(name: "pay") { history(first: 9) {
        nodes { what cause why until instance { name weight } } asOf { positions } } } }"""
    found = (await world.ask(query))["service"]["history"]
    assert [(one["what"], one["instance"]["name"], one["until"]) for one in found["nodes"]] == [
        ("REGISTERED", "i2", None), ("REGISTERED", "i1", None),
    ]  # fmt: skip


async def test_the_brake_tells_what_it_was_pulled_for_and_its_history() -> None:
    world, _ = await node_world(*FILLED)
    query = """query ($at: At) { brake(at: $at) { pulled pulledAt pulledBy cause releaseAt position changedAt
        settings { fraction minDead armed } alarm { dead of at } asOf { positions }
        history(first: 9) { nodes { what by why brake { pulled } } } } }"""
    brake = (await world.ask(query))["brake"]
    assert (brake["pulled"], brake["pulledBy"], brake["cause"], brake["releaseAt"]) == (
        True,
        "root",
        "3 of 4",
        None,
    )
    assert brake["alarm"] == {"dead": 3, "of": 4, "at": THEN.format(5)}
    assert [one["what"] for one in brake["history"]["nodes"]] == ["PULLED", "ALARMED"]
    before: dict[str, Any] = (await world.ask(query, at="nodes/0@4"))["brake"]
    assert (before["pulled"], before["position"], before["settings"]["minDead"]) == (False, None, 3)


async def test_a_node_without_nodes_says_so() -> None:
    world = World()
    for query in (
        '{ node(name: "n1") { name } }',
        "{ nodes(first: 1) { nodes { name } } }",
        '{ service(name: "pay") { name } }',
        "{ brake { pulled } }",
    ):
        assert (await world.refused(query))["code"] == "KIND_UNKNOWN"


async def test_pages_within_pages_are_bounded() -> None:
    world, _ = await node_world(*FILLED)
    assert (await world.refused("{ nodes(first: 101) { nodes { name } } }"))["code"] == "PAGE_SIZE"
    labels = ", ".join(['{ name: "a", value: "b" }'] * 33)
    query = f"{{ nodes(first: 1, filter: {{ labels: [{labels}] }}) {{ nodes {{ name }} }} }}"
    assert (await world.refused(query))["code"] == "BAD_ARGUMENT"
