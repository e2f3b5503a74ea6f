"""The platform's own processes on a real stack: nodes, each in the service of its role, that tell of themselves."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

import tidelock
from streams.domain.nodes.commands import EvictNode, InspectNode
from streams.domain.nodes.replies import NodeState
from tidelock.client.client import Client
from tidelock.local.parts.influx import find_binary
from tidelock.local.stack import LocalStack
from tidelock.local.testing import stack_for_tests
from tidelock.local.tokens import DEV

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]
ROLES = ("worker", "projector", "processes", "api")
PATIENCE_S = 60.0
OFTEN = {"TIDELOCK_REPORT_S": "1"}
"""How often processes tell of themselves."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    home = tmp_path_factory.mktemp("own-nodes")
    async with stack_for_tests(
        home, ("kafka", "postgres", "influx"), workers=1, projectors=1, processes=1, apis=1, environment=OFTEN
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


@pytest.mark.skipif(find_binary() is None, reason="no influxd: set INFLUXD or TIDELOCK_SHARED")
async def test_each_role_tells_of_itself(stack: LocalStack, client: Client) -> None:
    """What is in no log: latency, lag, states, processors, disks."""
    address, asked = stack.addresses.graphql, {"query": '{ lock(name: "a") { mode } }'}
    assert address is not None
    await client.locks.acquire("a")
    cache = client.cache("pages")
    await cache.create()
    await cache.put("home", b"<html>")
    assert await cache.get("home") == b"<html>"  # by its own line
    await cache.close()

    async def all_told() -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            token = {"Authorization": f"Bearer {DEV.chosen(stack.settings.home)}"}
            answer = await http.post(address, json=asked, headers=token)
            assert "errors" not in answer.json(), answer.text
        told = await fields(stack)
        return told >= TOLD

    try:
        await until(all_told)
    except TimeoutError:
        raise AssertionError(TOLD - await fields(stack)) from None


TOLD = {
    *((f"{role}-0", "process_points", "cpu_ms") for role in ROLES),
    *((f"{role}-0", "process_gauges", "memory_bytes") for role in ROLES),
    *((f"{role}-0", "disk_gauges", "used_percent") for role in ROLES),
    ("worker-0", "worker_points", "decide_p99_ms"),
    ("worker-0", "worker_points", "decisions"),
    ("worker-0", "worker_gauges", "leading"),
    ("worker-0", "process_gauges", "connections"),
    ("worker-0", "client_cache_points", "hits"),
    ("projector-0", "projector_points", "write_p99_ms"),
    ("projector-0", "projector_gauges", "lag_ms"),
    ("projector-0", "projector_gauges", "lag_records"),
    ("projector-0", "projector_gauges", "following"),
    ("projector-0", "projector_gauges", "points_wait"),
    ("api-0", "api_points", "request_p99_ms"),
    ("api-0", "api_points", "failed"),
    ("api-0", "api_code_points", "answers"),
}
"""(process, measurement, field)."""


async def fields(stack: LocalStack) -> set[tuple[str, str, str]]:
    """Return what there is of processes in InfluxDB."""
    at = stack.addresses.influx
    assert at is not None
    flux = (
        f'from(bucket: "{at.bucket}") |> range(start: -1h) |> filter(fn: (r) => exists r.process)'
        ' |> last() |> toString() |> group() |> keep(columns: ["process", "_measurement", "_field"])'
    )
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        answer = await http.post(
            f"{at.url}/api/v2/query", params={"org": at.org}, content=flux,
            headers={"Authorization": f"Token {at.token}", "Content-Type": "application/vnd.flux"},
        )  # fmt: skip
    answer.raise_for_status()
    rows = csv.DictReader(io.StringIO(answer.text.strip()))
    return {(row["process"], row["_measurement"], row["_field"]) for row in rows}


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
