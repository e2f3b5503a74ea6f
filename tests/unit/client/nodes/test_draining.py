"""A node that is drained: it is told, its offers say so, and callers choose others."""

import asyncio
from collections.abc import Sequence

import pytest

from streams.domain.decider import Rejected
from streams.domain.nodes.commands import (
    DeregisterInstance,
    DrainNode,
    Heartbeat,
    RegisterInstance,
    UndrainNode,
)
from tests.unit.client.deciding import let_pass
from tests.unit.client.nodes.server import NodeWorker
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.client import Client


async def said(client: Client, service: str = "api") -> Sequence[tuple[str, bool]]:
    return [(each.name, each.draining) for each in await client.service(service).instances()]


async def drained(client: Client, other: Client, clock: FakeClock) -> None:
    await other.command("nodes", DrainNode(client.node.name, "patch"))
    await let_pass(clock, 1.2)
    await until(lambda: client.node.is_draining)


async def test_a_drained_node_stays_in_discovery_and_is_not_called(
    client: Client, other: Client, clock: FakeClock
) -> None:
    events = client.node.events()
    async with client.service("api").register(), other.service("api").register():
        await drained(client, other, clock)
        event = await anext(events)
        assert (event.what, event.session) == ("DRAINED", client.node.session)
        await until(lambda: client.node.is_draining)
        assert await said(other) == [("n1", True), ("n2", False)]

        async def name(instance: object) -> str:
            return str(getattr(instance, "name", ""))

        assert {await other.service("api").call(name) for _ in range(4)} == {"n2"}
        await other.command("nodes", UndrainNode("n1"))
        await let_pass(clock, 1.2)
        assert (await anext(events)).what == "UNDRAINED"
        assert await said(other) == [("n1", False), ("n2", False)]


async def test_where_all_drain_nobody_is_called(client: Client, other: Client, clock: FakeClock) -> None:
    async with client.service("api").register():
        await drained(client, other, clock)
        assert await said(other) == [("n1", True)]
        with pytest.raises(errors.NoInstance, match="draining"):
            await other.service("api").call(lambda _: pytest.fail("it drains"))


async def test_what_a_drained_node_offers_says_so_from_the_beginning(
    client: Client, other: Client, clock: FakeClock
) -> None:
    await drained(client, other, clock)
    async with client.service("api").register(weight=3) as offer:
        assert await said(other) == [("n1", True)]
        await offer.update(weight=4)
        assert await said(other) == [("n1", True)]


async def test_an_offer_that_comes_as_the_node_is_drained_says_so(
    client: Client, other: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    worker.held = (RegisterInstance,)
    opening = client.service("api").register()

    async def opened() -> None:
        async with opening:
            assert await said(other) == [("n1", True)]

    task = asyncio.create_task(opened())
    await until(lambda: worker.of(RegisterInstance) != [])
    await drained(client, other, clock)
    worker.let()
    await task


async def test_telling_is_tried_again_until_it_is_heard(
    client: Client, other: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    async with client.service("api").register():
        worker.refuse = {RegisterInstance: Rejected("INTERNAL", "oops")}
        await drained(client, other, clock)
        assert await said(other) == [("n1", False)]
        worker.refuse = {}
        await let_pass(clock, 12)
        assert await said(other) == [("n1", True)]


async def test_what_is_offered_no_longer_does_not_come_back(
    client: Client, other: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    async with client.service("api").register():
        worker.refuse = {RegisterInstance: Rejected("INTERNAL", "oops")}
        await drained(client, other, clock)
    worker.refuse = {}
    assert len(worker.of(DeregisterInstance)) == 1
    await let_pass(clock, 12)
    assert await said(other) == []


async def test_the_next_session_is_not_drained(
    client: Client, other: Client, worker: NodeWorker, clock: FakeClock
) -> None:
    async with client.service("api").register():
        await drained(client, other, clock)
        worker.refuse = {Heartbeat: Rejected("SESSION_ENDED", "over")}
        await let_pass(clock, 1.2)
        worker.refuse = {}
        await let_pass(clock, 10)
        assert not client.node.is_draining
        assert client.node.session is not None
