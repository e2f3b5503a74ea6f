"""What can be done to nodes, instances and the brake: through the real client, to a worker that decides by the real
decider.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

import tidelock
from streams.domain.decider import Rejected
from streams.domain.nodes.commands import DrainNode, EvictInstance, EvictNode
from streams.domain.nodes.events import BrakeConfigured, BrakePulled, NodeLeft
from tests.unit.api.world import World
from tests.unit.client.nodes.server import NodeWorker
from tests.unit.client.worker import FakeClock
from tidelock.client.client import Connecting

SESSION = "0123456789abcdef"
OTHER = "fedcba9876543210"
REFUSAL = "... on Refusal { code message details { name value } }"
REGISTER = f"""mutation ($session: String!, $registration: RegistrationInput, $replaces: String! = "") {{
    it: registerNode(session: $session, name: "n1", registration: $registration, replaces: $replaces) {{ {REFUSAL}
    ... on RegisteredNode {{ name session timeoutMs intervalMs existed position }} }} }}"""
BEAT = f"""mutation ($session: String!, $node: String!, $load: Int! = 0, $health: Health! = PASSING) {{
    it: heartbeat(session: $session, name: "n1", nodeSession: $node, load: $load, health: $health) {{ {REFUSAL}
    ... on HeardNode {{ name }} }} }}"""
LEAVE = f"""mutation ($session: String!, $node: String!) {{
    it: deregisterNode(session: $session, name: "n1", nodeSession: $node) {{ {REFUSAL}
    ... on ClosedNode {{ session ended position }} }} }}"""
EVICT = f"""mutation ($node: String! = "", $why: String! = "") {{
    it: evictNode(name: "n1", nodeSession: $node, why: $why) {{ {REFUSAL} ... on ClosedNode {{ session ended }} }} }}"""
KEPT = f"{REFUSAL} ... on KeptNode {{ name session draining position }}"
DRAIN = f'mutation ($name: String! = "n1") {{ it: drainNode(name: $name, why: "patch") {{ {KEPT} }} }}'
UNDRAIN = f'mutation {{ it: undrainNode(name: "n1") {{ {KEPT} }} }}'
OFFER = f"""mutation ($session: String!, $node: String!, $offer: OfferInput) {{
    it: registerInstance(session: $session, nodeSession: $node, service: "pay", instance: "i1", offer: $offer) {{
    {REFUSAL} ... on KeptInstance {{ service instance version changed position }} }} }}"""
WITHDRAW = f"""mutation ($node: String!) {{
    it: deregisterInstance(nodeSession: $node, service: "pay", instance: "i1") {{
    {REFUSAL} ... on ClosedInstance {{ ended position }} }} }}"""
EVICT_INSTANCE = f"""mutation {{ it: evictInstance(service: "pay", instance: "i1", why: "x") {{
    {REFUSAL} ... on ClosedInstance {{ ended }} }} }}"""
BRAKED = f"{REFUSAL} ... on ChangedBrake {{ pulled cause settings {{ fraction minDead armed }} position }}"


class Desk:
    """An API node, the worker that it speaks to, and the clock that both go by."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.worker = NodeWorker(self.clock)
        self.world = World(opener=self._open)

    def _open(self, token: str, client_id: str, first_sequence: int) -> Connecting:
        return tidelock.connect(
            self.worker.address,
            token=token,
            client_id=client_id,
            first_sequence=first_sequence,
            clock=self.clock,
        )

    async def do(self, mutation: str, **variables: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await self.world.ask(mutation, **variables))["it"]
        return found

    async def joined(self) -> str:
        session: str = (await self.do(REGISTER, session=SESSION))["session"]
        return session


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.worker.start()
    yield desk
    await desk.world.services.sessions.close()
    await desk.worker.stop()


async def test_a_node_is_the_session_s_that_registered_it(desk: Desk) -> None:
    labels = [{"name": "role", "value": "db"}]
    said = {"address": "h:1", "zone": "z", "labels": labels, "capacity": 3, "timeoutMs": 2_000}
    made = await desk.do(REGISTER, session=SESSION, registration=said)
    assert (made["timeoutMs"], made["intervalMs"], made["existed"]) == (2_000, 400, False)
    assert made["position"].startswith("nodes/")
    again = await desk.do(REGISTER, session=SESSION, registration=said)
    assert (again["session"], again["existed"]) == (made["session"], True)
    taken = await desk.do(REGISTER, session=OTHER)
    assert taken["code"] == "NODE_ALIVE"
    assert {"name": "session", "value": made["session"]} in taken["details"]
    replaced = await desk.do(REGISTER, session=OTHER, replaces=made["session"])
    assert replaced["session"] != made["session"]
    assert desk.worker.state("n1").member.registration.timeout_ms == 5_000


async def test_a_heartbeat_is_of_whoever_registered(desk: Desk) -> None:
    node = await desk.joined()
    assert await desk.do(BEAT, session=SESSION, node=node, load=7, health="WARNING") == {"name": "n1"}
    pulse = desk.worker.state("n1").pulse
    assert (pulse.load, pulse.health) == (7, "WARNING")
    assert (await desk.do(BEAT, session=OTHER, node=node))["code"] == "NOT_YOURS"
    assert (await desk.do(BEAT, session=SESSION, node="n1:999"))["code"] == "SESSION_ENDED"


async def test_a_session_is_ended_cleanly_once(desk: Desk) -> None:
    node = await desk.joined()
    assert (await desk.do(LEAVE, session=OTHER, node=node))["code"] == "NOT_YOURS"
    assert (await desk.do(LEAVE, session=SESSION, node=node))["ended"] is True
    assert (await desk.do(LEAVE, session=SESSION, node=node))["ended"] is False


async def test_an_operator_evicts(desk: Desk) -> None:
    node = await desk.joined()
    assert (await desk.do(EVICT, node="n1:999"))["ended"] is False
    assert await desk.do(EVICT, why="broken") == {"session": node, "ended": True}
    (left,) = desk.worker.happened(NodeLeft)
    assert (left.cause, left.why) == ("EVICTED", "broken")


async def test_a_node_is_drained_and_undrained(desk: Desk) -> None:
    node = await desk.joined()
    drained = await desk.do(DRAIN)
    assert (drained["session"], drained["draining"]) == (node, True)
    assert (await desk.do(UNDRAIN))["draining"] is False
    assert (await desk.do(DRAIN, name="n9"))["code"] == "NODE_UNKNOWN"


@pytest.mark.parametrize(
    ("mutation", "command"), [(DRAIN, DrainNode), (EVICT, EvictNode), (EVICT_INSTANCE, EvictInstance)]
)
async def test_who_may_not_is_told_as_data(desk: Desk, mutation: str, command: type) -> None:
    await desk.joined()
    desk.worker.refuse = {command: Rejected("FORBIDDEN", "Show an operator's token.")}
    assert (await desk.do(mutation))["code"] == "FORBIDDEN"


async def test_an_instance_is_offered_for_a_node_s_session(desk: Desk) -> None:
    node = await desk.joined()
    made = await desk.do(OFFER, session=SESSION, node=node, offer={"weight": 5, "draining": True})
    assert (made["service"], made["instance"], made["changed"]) == ("pay", "i1", True)
    (instance,) = desk.worker.state("service:pay").instances.values()
    assert (instance.session, instance.weight, instance.draining) == (node, 5, True)
    assert (await desk.do(OFFER, session=SESSION, node=node, offer={"weight": 1_001}))[
        "code"
    ] == "BAD_ARGUMENT"
    assert (await desk.do(WITHDRAW, node="n2:1"))["ended"] is False
    assert (await desk.do(WITHDRAW, node=node))["ended"] is True
    assert (await desk.do(OFFER, session=SESSION, node=""))["code"] == "NO_SESSION"


async def test_the_brake_is_configured_pulled_and_released(desk: Desk) -> None:
    configure = f"""mutation ($settings: BrakeSettingsInput!) {{
        it: configureBrake(settings: $settings) {{ {BRAKED} }} }}"""
    made = await desk.do(configure, settings={"fraction": 30, "armed": False})
    assert made["settings"] == {"fraction": 30, "minDead": 3, "armed": False}
    assert len(desk.worker.happened(BrakeConfigured)) == 1
    assert (await desk.do(configure, settings={"fraction": 0}))["code"] == "BAD_ARGUMENT"
    pulled = await desk.do(f'mutation {{ it: pullBrake(cause: "switch died") {{ {BRAKED} }} }}')
    assert (pulled["pulled"], pulled["cause"]) == (True, "switch died")
    assert len(desk.worker.happened(BrakePulled)) == 1
    released = await desk.do(f'mutation {{ it: releaseBrake(why: "back") {{ {BRAKED} }} }}')
    assert (released["pulled"], released["cause"]) == (False, "")


async def test_names_are_checked(desk: Desk) -> None:
    assert (await desk.do(DRAIN, name="a:b"))["code"] == "BAD_ARGUMENT"
