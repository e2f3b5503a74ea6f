"""Nodes and services through GraphQL on a real stack: nodes register, are drained and die; who watches sees it all."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

import tidelock
from tests.integration.api.stage import Stage, until
from tests.integration.api_subscriptions.test_subscriptions import watching
from tests.integration.api_subscriptions.users import User, over_events
from tidelock.client.client import Client
from tidelock.local.testing import stack_for_tests

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("node-subscriptions"),
]

NODE = """query ($name: String!, $at: At, $notBefore: [Position!]) { node(name: $name, at: $at, notBefore: $notBefore) {
    status draining session cause load heardAt evidence { silentMs beats } unswept { session } position
    history(first: 50) { nodes { what by why until } } } }"""
SERVICE = """query ($name: String!, $at: At) { service(name: $name, at: $at) { version
    instances { name nodeName healthy draining weight node { status } } position } }"""
DRAIN = """mutation ($name: String!) { answer: drainNode(name: $name, why: "patch") {
    ... on KeptNode { draining position } ... on Refusal { code message } } }"""
EVICT = """mutation ($name: String!) { answer: evictNode(name: $name, why: "hung") {
    ... on ClosedNode { session ended position } ... on Refusal { code message } } }"""
BRAKE = """query ($notBefore: [Position!]) { brake(notBefore: $notBefore) { pulled cause
    history(first: 9) { nodes { what by } } } }"""
PULL = """mutation { answer: pullBrake(cause: "a test") {
    ... on ChangedBrake { pulled position } ... on Refusal { code message } } }"""
RELEASE = """mutation { answer: releaseBrake(why: "over") {
    ... on ChangedBrake { pulled position } ... on Refusal { code message } } }"""
INSTANCES = """subscription ($service: String!, $after: String) {
    it: serviceInstances(service: $service, after: $after) { cursor version position
    instances { name healthy draining weight } changes { what cause instance { name } } } }"""
EVENTS = """subscription ($prefix: String!, $after: String) { it: nodeEvents(prefix: $prefix, after: $after) {
    cursor kind name position index cause } }"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    home = tmp_path_factory.mktemp("nodes")
    async with (
        stack_for_tests(home, ("kafka", "postgres"), workers=1, projectors=1, apis=2, processes=1) as stack,
        Stage(stack) as stage,
    ):
        yield stage


@asynccontextmanager
async def node(stage: Stage, name: str, timeout: float = 2.0) -> AsyncIterator[Client]:
    """Be a node."""
    client = await tidelock.connect(
        *stage.stack.addresses.workers,
        token=stage.token,
        node=tidelock.Node(name, zone="z1", timeout=timeout, rejoin=False),
    )
    try:
        yield client
    finally:
        await client.close()


async def seen(user: User, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the first item for which this holds, once it is there."""

    async def found() -> dict[str, Any] | None:
        return next((item for item in user.items if holds(item)), None)

    item: dict[str, Any] = await until(found)
    return item


async def until_first(stage: Stage, user: User) -> None:
    """Have nodes come and go until the user, who sees what happens from now on, sees one."""
    while not user.first.is_set():
        async with node(stage, "live-probe"):
            pass


async def test_a_node_is_drained_and_its_instance_says_so_and_it_is_evicted(stage: Stage) -> None:
    async with node(stage, "n1") as client, client.service("pay").register(weight=5):
        drained = await stage.do(DRAIN, name="n1")
        assert drained["draining"] is True
        found = (await stage.ask(NODE, 1, name="n1", notBefore=drained["position"]))["node"]
        assert (found["status"], found["draining"]) == ("ALIVE", True)
        assert [one["what"] for one in found["history"]["nodes"]] == ["DRAINED", "REGISTERED"]

        async def draining() -> Any:
            service = (await stage.ask(SERVICE, 1, name="pay"))["service"]
            return service if service["instances"][0]["draining"] else None

        (instance,) = (await until(draining))["instances"]
        assert (instance["name"], instance["nodeName"], instance["weight"]) == ("n1", "n1", 5)
        assert instance["node"]["status"] == "ALIVE"
        evicted = await stage.do(EVICT, 1, name="n1")
        assert evicted["ended"] is True
        after = (await stage.ask(NODE, name="n1", notBefore=evicted["position"]))["node"]
        assert (after["status"], after["cause"]) == ("ENDED", "EVICTED")
        then = (await stage.ask(NODE, name="n1", at=drained["position"]))["node"]
        assert (then["status"], then["session"]) == ("ALIVE", evicted["session"])
    assert (await stage.do(DRAIN, name="n1"))["code"] == "SESSION_ENDED"


async def test_the_brake_is_pulled_and_released(stage: Stage) -> None:
    pulled = await stage.do(PULL)
    assert pulled["pulled"] is True
    found = (await stage.ask(BRAKE, 1, notBefore=pulled["position"]))["brake"]
    assert (found["pulled"], found["cause"]) == (True, "a test")
    released = await stage.do(RELEASE, 1)
    found = (await stage.ask(BRAKE, notBefore=released["position"]))["brake"]
    assert [one["what"] for one in found["history"]["nodes"]] == ["RELEASED", "PULLED"]
    assert found["pulled"] is False


async def test_who_watches_sees_a_node_die_and_everything_else_though_api_nodes_are_killed(
    stage: Stage,
) -> None:
    users = [
        User(INSTANCES, {"service": "live"}),
        User(INSTANCES, {"service": "live"}, transport=over_events),
        User(EVENTS, {"prefix": "live-"}),
    ]
    addresses = stage.stack.addresses.apis
    async with AsyncExitStack() as joined, watching(users, addresses, stage.token):
        await until_first(stage, users[2])
        clients = [await joined.enter_async_context(node(stage, f"live-{number}")) for number in range(3)]
        offers = [await client.service("live").register(weight=1).open() for client in clients]
        for turn in range(2):
            api = stage.stack.part(f"api-{turn % 2}")
            api.kill(signal.SIGKILL)
            for weight, offer in enumerate(offers, 10 * (turn + 1)):
                await offer.update(weight=weight)
            await api.wait_ready()
        clients[0].node._stop()  # it falls silent, as a process that hangs does

        async def dead() -> bool:
            found = (await stage.ask(NODE, name="live-0"))["node"]
            return bool(found["status"] == "ENDED")

        await until(dead)
        found = (await stage.ask(NODE, name="live-0"))["node"]
        assert found["cause"] == "SILENT"
        assert int(found["evidence"]["silentMs"]) >= 2_000
        for user in users[:2]:
            last = await seen(user, lambda item: [one["weight"] for one in item["instances"]] == [21, 22])
            (change,) = last["changes"]
            assert (change["what"], change["cause"], change["instance"]["name"]) == (
                "LEFT", "SESSION_ENDED", "live-0",
            )  # fmt: skip
            changed = [one for one in user.items if one["changes"]]
            assert len(changed) == 3 + 2 * 3 + 1, "each change once"
        died = await seen(users[2], lambda item: item["kind"] == "DIED")
        assert (died["name"], died["cause"]) == ("live-0", "SILENT")
        kinds = [(one["name"], one["kind"]) for one in users[2].items]
        assert kinds.count(("live-0", "SUSPECTED")) >= 1
        assert [kinds.count((f"live-{number}", "REGISTERED")) for number in range(3)] == [1, 1, 1]
        places = [(one["position"], one["index"]) for one in users[2].items]
        assert len(set(places)) == len(places)
