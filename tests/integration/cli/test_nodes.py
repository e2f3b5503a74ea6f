"""`tidelock node` and `tidelock service` against a real worker, with a node that lives and dies."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import tidelock
from tests.integration.cli.conftest import TIMEOUT_S, Cli
from tests.integration.engine.cluster import until
from tidelock.local.tokens import DEV

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("cli"),
]


def connect(cli: Cli, node: tidelock.Node) -> Any:
    stack = cli.stack
    return tidelock.connect(*stack.addresses.workers, token=DEV.chosen(stack.settings.home), node=node)


async def listed(cli: Cli, *args: str) -> dict[str, Any]:
    ran = await cli("node", "list", "--json", *args)
    assert ran.code == 0, ran.err
    return {told["node"]: told for told in map(json.loads, ran.out.splitlines())}


async def test_a_node_from_its_registration_to_its_end(cli: Cli) -> None:
    watching = await cli.start("node", "watch", "--json")
    assert watching.stdout is not None
    assert watching.stderr is not None
    assert b"watching" in await asyncio.wait_for(watching.stderr.readline(), TIMEOUT_S)
    node = tidelock.Node("cli-1", address="10.0.0.1:80", zone="z1", capacity=8, load=lambda: 3)
    async with connect(cli, node) as client, client.service("prices").register(weight=7):
        told = (await cli("node", "show", "cli-1", "--json")).json
        assert (told["status"], told["session"]) == ("ALIVE", client.node.session)
        assert told["heard_ago_ms"] < 5_000
        assert (await listed(cli))["cli-1"]["registration"]["zone"] == "z1"
        assert (await cli("service", "show", "prices", "--json")).json["healthy"] == 1
        instances = (await cli("service", "instances", "prices", "--json")).json
        assert (instances["node"], instances["weight"]) == ("cli-1", 7)
        assert "prices" in (await cli("service", "list")).out
        assert (await cli("node", "drain", "cli-1", "--why", "test")).code == 0
        assert (await listed(cli))["cli-1"]["draining"] is True
    assert (await cli("service", "show", "prices")).code == 1
    assert (await listed(cli))["cli-1"]["last"]["cause"] == "LEFT"
    seen = [json.loads(await asyncio.wait_for(watching.stdout.readline(), TIMEOUT_S)) for _ in range(3)]
    watching.terminate()
    await watching.wait()
    assert [one["event"]["type"] for one in seen] == ["NodeRegistered", "NodeDrained", "NodeLeft"]
    events = (await cli("node", "events", "cli-1")).out.splitlines()
    assert [line.split("cli-1 ")[1].split()[0].strip(":") for line in events] == [
        "registered",
        "gets",
        "left,",
    ]
    before = seen[2]["time_ms"] - 1
    at = (await cli("node", "show", "cli-1", "--json", "--at", seen[1]["position"])).json
    assert (at["draining"], before > seen[1]["time_ms"]) == (True, True)


async def test_an_evicted_node_registers_anew_and_the_brake_is_an_operators(cli: Cli) -> None:
    async with connect(cli, tidelock.Node("cli-2", timeout=1)) as client:
        first = client.node.session
        evicted = await cli("node", "evict", "cli-2", "--yes", "--why", "test", "--json")
        assert evicted.json == {"node": "cli-2", "session": first, "evicted": True}

        async def again() -> bool:
            return client.node.session not in {None, first}

        await until(again)
    pulled = (await cli("node", "brake", "pull", "--why", "test", "--json")).json
    assert (pulled["pulled"], pulled["cause"]) == (True, "test")
    assert (await cli("node", "brake", "release", "--json")).json["pulled"] is False
    assert "released by" in (await cli("node", "events", "brake")).out
    missing = await cli("node", "show", "nobody")
    assert (missing.code, missing.err.split(":")[0]) == (1, "NODE_UNKNOWN")
