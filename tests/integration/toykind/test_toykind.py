"""A kind that only tests know has all that the catalogue gives, on the real Kafka, and nothing else was touched."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import pytest

from tests.integration.engine.cluster import until
from tests.integration.toykind.conftest import Stage, started
from tests.toykind.counters import Count, Look, Total
from tidelock.client.errors import Rejection

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

STATE = """query ($name: String!, $at: At) { state(kind: "counters", name: $name, at: $at) {
    state changedPosition position time leaseMs head settled } }"""
EVENTS = """query ($name: String!, $first: Int!, $after: String) {
    events(kind: "counters", name: $name, first: $first, after: $after) {
        nodes { position index at command client outcome accepted events { type fields } reply }
        pageInfo { hasNextPage endCursor } asOf { positions } } }"""
NEVER_MS = 3_600_000


async def counted(stage: Stage, name: str, *steps: int) -> list[str]:
    """Count; return the positions."""
    async with stage.connect() as client:
        answers = [await client.ask("counters", Count(name, by, NEVER_MS)) for by in steps]
    return [str(answer.position) for answer in answers]


async def test_commands_are_decided_refused_and_looked_at(stage: Stage) -> None:
    async with stage.connect() as client:
        assert await client.command("counters", Count("a", 2, NEVER_MS)) == Total(2)
        assert await client.command("counters", Count("a", 3, NEVER_MS)) == Total(5)
        with pytest.raises(Rejection) as refused:
            await client.command("counters", Count("a", 10_000, NEVER_MS))
        assert refused.value.code == "TOO_MUCH"
        assert await client.command("counters", Look("a")) == Total(5)


async def test_the_command_line_shows_its_state_now_and_then(stage: Stage) -> None:
    first, second = await counted(stage, "shown", 2, 3)
    (now,) = await stage.cli_json("state", "counters", "shown")
    (then,) = await stage.cli_json("state", "counters", "shown", "--at", first)
    assert (now["state"]["total"], then["state"]["total"]) == (5, 2)
    assert (now["changed"]["position"], then["proof"]["after"]) == (second, first)
    code, table = await stage.cli("state", "counters", "shown", "--at", first)
    assert (code, "total" in table, f"--at {first}" in table) == (0, True, True)


async def test_the_command_line_shows_every_decision(stage: Stage) -> None:
    positions = await counted(stage, "told", 1, 2, 3)
    async with stage.connect() as client:
        with pytest.raises(Rejection):
            await client.command("counters", Count("told", 0, NEVER_MS))
    told = await stage.cli_json("events", "counters", "told")
    assert [one["position"] for one in told[:3]] == positions
    assert [one["outcome"] for one in told] == ["Total", "Total", "Total", "TOO_MUCH"]
    assert [[event["by"] for event in one["events"]] for one in told] == [[1], [2], [3], []]
    assert [
        one["position"] for one in await stage.cli_json("events", "counters", "told", "--limit", "1")
    ] == [told[3]["position"]]
    code, error = await stage.cli("events", "counter", "told")
    assert (code, "counters" in error) == (2, True)


async def test_decisions_are_followed_as_they_are_made(stage: Stage) -> None:
    await counted(stage, "followed", 1)
    process = await started(
        "tests.toykind.cli", "events", "counters", "followed", "--follow", "--json",
        TIDELOCK_HOME=str(stage.stack.settings.home),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            first = json.loads(await process.stdout.readline())
            positions = await counted(stage, "followed", 2)
            second = json.loads(await process.stdout.readline())
    finally:
        process.send_signal(signal.SIGINT)
        code = await process.wait()
    assert (first["events"][0]["by"], second["events"][0]["by"], code) == (1, 2, 130)
    assert second["position"] == positions[0]


async def test_its_timers_ring(stage: Stage) -> None:
    async with stage.connect() as client:
        await client.command("counters", Count("soon", 1, 100))

    async def forgotten() -> Any:
        told = await stage.cli_json("events", "counters", "soon")
        return [event["type"] for one in told for event in one["events"]] == ["Counted", "Forgotten"]

    await until(forgotten)
    (now,) = await stage.cli_json("state", "counters", "soon")
    assert now["state"] is None


async def test_its_log_is_verified_and_shown(stage: Stage) -> None:
    (position,) = await counted(stage, "logged", 7)
    (report,) = await stage.cli_json("verify")
    assert report["ok"]
    assert {"locks/0", "counters/0"} <= {one["where"] for one in report["partitions"]}
    shown = await stage.cli_json("log", "tail", "--from", position)
    assert shown[0]["decisions"][0]["events"][0] | {"forget_at": 0} == {
        "type": "Counted", "by": 7, "forget_at": 0,
    }  # fmt: skip
    (status,) = await stage.cli_json("status")
    assert status["healthy"]
    assert {"locks/0", "counters/0"} <= {row["partition"] for row in status["partitions"]}


async def test_its_metrics_bear_its_name(stage: Stage) -> None:
    await counted(stage, "measured", 1)
    pages = [page.text for page in await stage.told("/metrics")]
    assert any('tidelock_decisions_total{kind="counters"' in page for page in pages)
    owned = [each for page in await stage.told("/status") for each in page.json()["partitions"]]
    leading = [(each["kind"], each["partition"]) for each in owned if each["phase"] == "leading"]
    assert sorted(number for kind, number in leading if kind == "counters") == [0, 1, 2]
    assert sorted(number for kind, number in leading if kind == "locks") == [0, 1, 2, 3]


async def test_graphql_tells_its_state_now_and_then(stage: Stage) -> None:
    first, second = await counted(stage, "asked", 4, 5)
    now = (await stage.ask(STATE, name="asked"))["data"]["state"]
    then = (await stage.ask(STATE, name="asked", at=first))["data"]["state"]
    assert (now["state"]["total"], then["state"]["total"]) == (9, 4)
    assert (now["changedPosition"], then["position"], then["settled"]) == (second, first, True)
    (shown,) = await stage.cli_json("state", "counters", "asked", "--at", first)
    assert then["head"] == shown["proof"]["head"]
    nothing = (await stage.ask(STATE, name="never"))["data"]["state"]
    assert nothing["state"] is None


async def test_graphql_pages_through_its_decisions_newest_first(stage: Stage) -> None:
    positions = await counted(stage, "paged", 1, 2, 3, 4, 5)
    seen, after = [], None
    while True:
        page = (await stage.ask(EVENTS, name="paged", first=2, after=after))["data"]["events"]
        seen += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert [one["position"] for one in seen] == positions[::-1]
    assert [one["events"][0]["fields"]["by"] for one in seen] == [5, 4, 3, 2, 1]
    assert seen[0]["reply"] == {"total": 15}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('{ state(kind: "counter", name: "a") { state } }', "KIND_UNKNOWN"),
        ('{ state(kind: "counters", name: "") { state } }', "BAD_NAME"),
        ('{ state(kind: "counters", name: "a", at: "locks/0@1") { state } }', "POSITION_INVALID"),
        ('{ state(kind: "counters", name: "a", at: "2999-01-01T00:00:00Z") { state } }', "TIME_INVALID"),
        ('{ state(kind: "counters", name: "a", at: "1999-01-01T00:00:00Z") { state } }', "TIME_INVALID"),
        ('{ events(kind: "counters", name: "a", first: 101) { nodes { index } } }', "PAGE_SIZE"),
        (
            '{ events(kind: "counters", name: "a", first: 1, after: "x") { nodes { index } } }',
            "CURSOR_INVALID",
        ),
    ],
)
async def test_graphql_refuses_what_makes_no_sense(stage: Stage, query: str, code: str) -> None:
    answer = await stage.ask(query)
    assert [error["extensions"]["code"] for error in answer["errors"]] == [code]


async def test_a_killed_worker_takes_nothing_with_it(stage: Stage) -> None:
    await counted(stage, "kept", 8)
    stage.stack.part("worker-0").kill(signal.SIGKILL)
    await counted(stage, "kept", 1)
    async with stage.connect() as client:
        assert await client.command("counters", Look("kept")) == Total(9)
