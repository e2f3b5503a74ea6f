"""The platform's own processes are nodes on a real stack, each in the service of its role, until they end."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

import tidelock
from streams.domain.nodes.commands import EvictNode, InspectNode
from streams.domain.nodes.replies import NodeState
from tidelock.client.client import Client
from tidelock.local.stack import LocalStack
from tidelock.local.testing import stack_for_tests
from tidelock.local.tokens import DEV

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]
ROLES = ("worker", "projector", "processes", "api")
PATIENCE_S = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    home = tmp_path_factory.mktemp("own-nodes")
    async with stack_for_tests(
        home, ("kafka", "postgres"), workers=1, projectors=1, processes=1, apis=1
    ) as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="module")
async def client(stack: LocalStack) -> AsyncIterator[Client]:
    token = DEV.chosen(stack.settings.home)
    async with tidelock.connect(*stack.addresses.workers, token=token) as client:
        yield client


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(0.1)


async def node(client: Client, name: str) -> NodeState | None:
    try:
        state: NodeState = await client.command("nodes", InspectNode(name))
    except tidelock.errors.NodeUnknown:
        return None
    return state


async def is_well(client: Client, name: str) -> bool:
    state = await node(client, name)
    return state is not None and (state.status, state.health, state.beats > 0) == ("ALIVE", "PASSING", True)


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_is_a_node_and_a_service(stack: LocalStack, client: Client, role: str) -> None:
    name = f"{role}-0"
    await until(lambda: is_well(client, name))
    state = await node(client, name)
    assert state is not None and state.registration is not None
    labels = {label.name: label.value for label in state.registration.labels}
    assert labels["role"] == role and labels["version"]
    assert (state.registration.address, state.registration.capacity) == (address_of(stack, role), 100)
    assert state.principal == "system"

    async def is_offered() -> bool:
        found = await client.service(f"tidelock-{role}").instances()
        return [(each.name, each.address, each.healthy) for each in found] == [
            (name, address_of(stack, role), True)
        ]

    await until(is_offered)


def address_of(stack: LocalStack, role: str) -> str:
    part = stack.part(f"{role}-0").part
    address: str = getattr(part, "address", "")
    return address


async def test_one_that_is_killed_comes_back_as_itself(stack: LocalStack, client: Client) -> None:
    await until(lambda: is_well(client, "api-0"))
    before = await node(client, "api-0")
    stack.part("api-0").kill(signal.SIGKILL)

    async def is_back() -> bool:
        state = await node(client, "api-0")
        return state is not None and before is not None and state.session not in ("", before.session)

    await until(is_back)
    after = await node(client, "api-0")
    assert after is not None and after.last is not None
    assert after.last.cause in ("REPLACED", "SILENT")


async def test_why_its_session_ended_is_told_through_all_kinds(stack: LocalStack, client: Client) -> None:
    """Of one that is frozen: one that runs offers its service anew before what it had is given away."""
    await until(lambda: is_well(client, "api-0"))
    before = await node(client, "api-0")
    assert before is not None
    stack.part("api-0").freeze()
    await client.command("nodes", EvictNode("api-0", "", "a test"))

    async def is_swept() -> bool:
        state = await node(client, "api-0")
        return state is not None and before.session not in {each.session for each in state.unswept}

    try:
        await until(is_swept)
    finally:
        stack.part("api-0").thaw()
    told = await explained(stack, before.session)
    assert (told["session"], told["over"]) == (before.session, True)
    assert any("was evicted, by dev (a test); EVICTED" in line["text"] for line in told["story"])
    assert any("is swept" in line["text"] for line in told["story"])
    causes = {one["cause"] for one in told["lost"]}
    assert len(causes) == 1 and causes.pop().startswith("EVICTED ")
    lost = [each["name"] for one in told["lost"] for each in one["first"]]
    assert lost == ["service:tidelock-api"]


async def explained(stack: LocalStack, name: str) -> Any:
    run = "from tidelock.cli.main import main; main()"
    home = str(stack.settings.home)
    words = ("explain", "node", name, "--home", home, "--json")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", run, *words, stdout=PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(out)


async def test_one_that_ends_leaves_at_once(stack: LocalStack, client: Client) -> None:
    await until(lambda: is_well(client, "projector-0"))
    await stack.part("projector-0").stop()
    state = await node(client, "projector-0")
    assert state is not None and state.last is not None
    assert (state.status, state.last.cause) == ("ENDED", "LEFT")
    assert await client.service("tidelock-projector").instances() == ()
