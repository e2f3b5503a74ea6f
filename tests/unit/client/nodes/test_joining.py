"""A client that is a node: it registers, is heard, and leaves."""

import asyncio
from collections.abc import Callable

import pytest

from streams.domain.decider import Rejected
from streams.domain.locks.commands import AcquireLock
from streams.domain.nodes.commands import (
    Check,
    DeregisterNode,
    DrainNode,
    Heartbeat,
    InspectNode,
    Label,
    RegisterNode,
    Registration,
)
from streams.domain.nodes.events import NodeLeft, NodeRegistered, NodeSuspected
from tests.unit.client.deciding import let_pass
from tests.unit.client.nodes.conftest import Join
from tests.unit.client.nodes.server import KINDS, NodeWorker
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.client import Client, connect
from tidelock.client.nodes.node import Node


async def test_connecting_registers_the_node_as_it_was_described(join: Join, worker: NodeWorker) -> None:
    client = await join(
        "n1",
        address="10.0.0.1:80",
        zone="z1",
        labels={"role": "db"},
        capacity=8,
        metadata={"a": "b"},
        timeout=2.0,
    )
    (command,) = worker.of(RegisterNode)
    registration = Registration("10.0.0.1:80", "z1", (Label("role", "db"),), 8, (Label("a", "b"),), 2000)
    assert command == RegisterNode("n1", registration, "")
    assert client.node.session == worker.state("n1").member.session
    assert await client.node.joined() == client.node.session


async def test_commands_carry_the_session_unless_they_name_another_or_none(
    client: Client, worker: NodeWorker
) -> None:
    await client.locks.acquire("a")
    await client.command("nodes", InspectNode("n1"), session="x:1")
    await client.command("nodes", InspectNode("n1"), session="")
    (_, acquire), (_, other), (_, none) = worker.sessions[-3:]
    assert (acquire, other, none) == (client.node.session, "x:1", None)
    assert worker.state("a").holders


async def test_a_client_without_a_node_carries_no_session(join: Join, worker: NodeWorker) -> None:
    client = await join(None)
    await client.locks.acquire("a")
    assert worker.sessions[-1] == (worker.of(AcquireLock)[0], None)
    with pytest.raises(errors.BadArgument, match="node="):
        _ = client.node


async def test_heartbeats_keep_the_node_alive_without_a_suspicion(
    client: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    session = client.node.session
    await let_pass(clock, 60)
    assert client.node.session == session
    assert worker.happened(NodeSuspected) == []
    assert 60 <= len(worker.of(Heartbeat)) <= 60 / 0.85 + 1
    assert client.node.expires_in() > 3.5


async def test_trust_is_counted_from_before_the_answered_heartbeat_was_sent(
    client: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    worker.held = (Heartbeat,)
    await let_pass(
        clock, 1.6
    )  # the first beat went out after 0.85 to 1 s, the next comes after 1.7 s at the soonest
    assert client.node.expires_in() == pytest.approx(0.99 * 5 - 1.6)
    worker.let()
    await until(lambda: client.node.expires_in() > 4)
    assert 0.85 + 0.99 * 5 - 1.6 <= client.node.expires_in() <= 1.06 + 0.99 * 5 - 1.6


async def test_a_heartbeat_says_load_and_health(join: Join, worker: NodeWorker, clock: FakeClock) -> None:
    await join("n1", load=lambda: 5, health=lambda: "WARNING")
    await let_pass(clock, 1.05)
    (beat,) = worker.of(Heartbeat)
    assert (beat.load, beat.health) == (5, "WARNING")


def broken() -> int:
    raise KeyError("mine")


@pytest.mark.parametrize("load", [broken, lambda: -1, lambda: "many", lambda: 1 << 40, lambda: float("nan")])
@pytest.mark.parametrize("health", [broken, lambda: "FINE"])
async def test_callbacks_that_fail_do_not_stop_the_heart(
    join: Join, worker: NodeWorker, clock: FakeClock, load: Callable[[], int], health: Callable[[], object]
) -> None:
    client = await join("n1", load=load, health=health)
    await let_pass(clock, 6)
    assert len(worker.of(Heartbeat)) >= 5
    assert {(each.load, each.health) for each in worker.of(Heartbeat)} == {(0, "CRITICAL")}
    assert client.node.session is not None


async def test_closing_ends_the_session_and_with_it_what_is_held(
    client: Client, other: Client, worker: NodeWorker
) -> None:
    session = client.node.session
    await client.locks.acquire("a", ttl=3600)  # without a keeper: nobody gives it back
    async with asyncio.timeout(20):
        await client.close()
    assert worker.of(DeregisterNode) == [DeregisterNode("n1", session or "")]
    (left,) = worker.happened(NodeLeft)
    assert (left.session, left.cause) == (session, "LEFT")
    waiting = asyncio.create_task(other.locks.acquire("a"))
    await until(lambda: worker.of(AcquireLock)[1:] != [])
    worker.end_session(session or "")
    assert (await waiting).token > 0


async def test_a_node_has_one_client(client: Client, join: Join) -> None:
    with pytest.raises(errors.NodeAlive) as told:
        await join("n1")
    assert (told.value.node, told.value.session) == ("n1", client.node.session)


async def test_a_restart_takes_the_node_over_and_the_one_before_retires(
    client: Client, join: Join, worker: NodeWorker, clock: FakeClock
) -> None:
    before = client.node.session
    events = client.node.events()
    again = await join("n1", take_over=True)
    assert again.node.session not in (before, None)
    await let_pass(clock, 2)
    with pytest.raises(errors.NodeRetired, match="is alive"):
        await client.node.joined()
    with pytest.raises(errors.NodeRetired):
        await client.locks.acquire("a")
    assert [(await anext(events)).what for _ in range(2)] == ["ENDED", "RETIRED"]
    assert len(worker.happened(NodeRegistered)) == 2


async def test_who_comes_too_soon_after_many_deaths_is_told_when_to_come_again(
    clock: FakeClock, worker: NodeWorker
) -> None:
    worker.refuse = {RegisterNode: Rejected("NODE_FLAPPING", "died 3 times", (("node", "n1"),), 5000)}
    with pytest.raises(errors.NodeFlapping) as told:
        await connect(worker.address, clock=clock, kinds=KINDS, node=Node("n1"))
    assert (told.value.node, told.value.retry_after_s) == ("n1", 5.0)


@pytest.mark.parametrize(
    "node", [Node("a:b"), Node(""), Node("brake"), Node("n", timeout=0.5), Node("n", labels={"": "x"})]
)
async def test_what_no_node_can_be_is_refused(clock: FakeClock, worker: NodeWorker, node: Node) -> None:
    with pytest.raises(errors.BadArgument):
        await connect(worker.address, clock=clock, kinds=KINDS, node=node)


async def _connected(worker: NodeWorker, clock: FakeClock) -> Client:
    return await connect(
        worker.address, clock=clock, kinds=KINDS, node=Node("n1"), timeout=300, connect_timeout=0.05
    )


async def test_a_registration_that_is_not_answered_says_what_to_look_at(
    clock: FakeClock, worker: NodeWorker
) -> None:
    worker.held = (RegisterNode,)
    connecting = asyncio.ensure_future(_connected(worker, clock))
    await until(connecting.done, clock)
    with pytest.raises(errors.ConnectionLost, match="not registered"):
        await connecting


async def test_a_session_that_an_unheard_registration_began_is_replaced(
    client: Client, worker: NodeWorker
) -> None:
    """Nobody knows when it began, so it cannot be trusted."""
    before = client.node.session
    await client.node._register("")
    assert client.node.session not in (before, None)
    (left,) = worker.happened(NodeLeft)
    assert (left.session, left.cause) == (before, "REPLACED")


async def test_checks_are_reported_and_the_answer_says_whether_to_drain(
    client: Client, worker: NodeWorker
) -> None:
    assert not await client.node.report_checks([("disk", "WARNING", "90 %\nfull")])
    assert worker.state("n1").member.checks == (Check("disk", "WARNING", "90 % full"),)
    await client.command("nodes", DrainNode("n1", "maintenance"))
    assert await client.node.report_checks([])


async def test_a_kind_that_the_client_was_not_given_is_named(clock: FakeClock, worker: NodeWorker) -> None:
    with pytest.raises(errors.BadArgument, match="nodes"):
        await connect(worker.address, clock=clock, kinds=KINDS[:2], node=Node("n1"))
