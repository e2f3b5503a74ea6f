"""The queue workload on a real stack, a worker killed in its middle: all is handled, in order, and proved."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import Cli

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("workload"),
]

HOT, COLD = 3, 200
CLAIMS = 10


def trace(path: Path, requests: int) -> Path:
    """Write a trace of reads and writes: two of three on a few hot blocks, the others spread."""
    rows = ["version,time,op,size,lbn"]
    for number in range(requests):
        lbn = number % HOT if number % 7 < 2 else HOT + number % COLD
        rows.append(f"1,{number},{'28' if number % 5 < 2 else '2a'},512,{lbn}")
    path.write_text("\n".join(rows) + "\n")
    return path


async def workload(cli: Cli, path: Path, *args: str) -> Any:
    return await cli("workload", "queue", "--trace", str(path), *args)


async def decisions(cli: Cli) -> int:
    """How much the busiest partition of queues has decided."""
    rows = (await cli("status", "--json")).json["partitions"]
    return max((row["decisions"] for row in rows if row["partition"].startswith("queues")), default=0)


async def test_a_trace_is_handled_and_proved(cli: Cli, tmp_path: Path) -> None:
    path = trace(tmp_path / "trace.csv", 1_200)
    ran = await workload(
        cli, path, "--limit", "1000", "--fail", "0.05", "--shards", "3", "--queue", "w/a", "--json"
    )
    told = ran.json
    assert (ran.code, told["ok"], told["put"], told["handled"], told["shards"]) == (0, True, 1000, 1000, 3)
    assert len(told["proof"]) == CLAIMS
    assert 20 < told["failures"] < 100
    assert told["handed_out"] >= 1000 + told["failures"]
    assert told["percentiles_ms"]["put to handled"]["p50"] >= told["percentiles_ms"]["put"]["p50"] > 0
    again = await workload(cli, path, "--limit", "200", "--queue", "w/a", "--fail", "0", "--json")
    assert (again.code, again.json["handled"], again.json["failures"]) == (0, 200, 0)


async def test_what_lies_there_from_before_is_worked_off_and_not_counted(cli: Cli, tmp_path: Path) -> None:
    await cli("queue", "create", "w/b")
    await cli("queue", "put", "w/b", '{"run": "another", "line": 2}', "--group", "0")
    ran = await workload(cli, trace(tmp_path / "trace.csv", 50), "--queue", "w/b")
    assert (ran.code, ran.out.count("PASS")) == (0, CLAIMS)
    assert "50 of 50, and 1 of earlier runs" in ran.out


async def test_a_queue_that_will_not_do_is_refused(cli: Cli, tmp_path: Path) -> None:
    path = trace(tmp_path / "trace.csv", 10)
    await cli("queue", "create", "w/c", "--broadcast")
    broadcast = await workload(cli, path, "--queue", "w/c")
    shards = await workload(cli, path, "--queue", "w/c", "--shards", "2")
    assert [(each.code, each.err.partition(":")[0]) for each in (broadcast, shards)] == [
        (2, "BAD_ARGUMENT")
    ] * 2


async def test_what_is_not_proved_is_told_and_ends_with_1(cli: Cli, tmp_path: Path) -> None:
    """Messages die at their first failure, so some are never done: the run ends, and says which."""
    await cli("queue", "create", "w/d", "--max-attempts", "1")
    ran = await workload(cli, trace(tmp_path / "trace.csv", 40), "--queue", "w/d", "--fail", "0.5", "--json")
    told = ran.json
    assert (ran.code, told["ok"], told["put"], told["errors"]) == (1, False, 40, {"NO_PROGRESS": 1})
    missing = 40 - told["handled"]
    assert 0 < missing < 40
    lines = {line["claim"]: line for line in told["proof"]}
    assert {claim for claim, line in lines.items() if not line["ok"]} == {
        "every message was handled",
        "nothing was lost, nothing is extra",
    }
    assert f"{missing} lost" in lines["nothing was lost, nothing is extra"]["evidence"]
    assert told["failures"] == missing


async def test_it_is_proved_although_a_worker_is_killed(cli: Cli, tmp_path: Path) -> None:
    before = await decisions(cli)
    path = trace(tmp_path / "trace.csv", 12_000)
    running = asyncio.create_task(workload(cli, path, "--queue", "w/killed", "--shards", "8"))
    async with asyncio.timeout(60):
        while await decisions(cli) < before + 300:
            pass
    assert not running.done()
    cli.stack.part("worker-0").kill(signal.SIGKILL)
    ran = await running
    assert ran.out.count("PASS") == CLAIMS, ran.out + ran.err
    assert ran.code == 0
