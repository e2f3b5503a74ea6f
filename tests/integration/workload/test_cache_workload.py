"""The cache workload on a real stack, a worker killed in its middle: no stale read, no lost write, and proved."""

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

HOT, COLD = 5, 200
BLOCKS = 8
"""Of a page."""
CLAIMS = 6


def trace(path: Path, requests: int) -> Path:
    """Write a trace of four reads and a write: half of them on a few hot pages, the others spread."""
    rows = ["version,time,op,size,lbn"]
    for number in range(requests):
        page = number % HOT if number % 7 < 4 else HOT + number % COLD
        rows.append(f"1,{number},{'2a' if number % 5 == 0 else '28'},512,{page * BLOCKS}")
    path.write_text("\n".join(rows) + "\n")
    return path


async def workload(cli: Cli, path: Path, *args: str) -> Any:
    return await cli("workload", "cache", "--trace", str(path), *args)


async def decisions(cli: Cli) -> int:
    """How much the busiest partition of caches has decided."""
    rows = (await cli("status", "--json")).json["partitions"]
    return max((row["decisions"] for row in rows if row["partition"].startswith("caches")), default=0)


async def test_a_trace_is_read_and_written_and_proved(cli: Cli, tmp_path: Path) -> None:
    path = trace(tmp_path / "trace.csv", 1_500)
    ran = await workload(cli, path, "--nodes", "3", "--cache", "w/a", "--shards", "2", "--json")
    told = ran.json
    assert (ran.code, told["ok"], told["served"], told["shards"]) == (0, True, 1_500, 2), told["proof"]
    assert len(told["proof"]) == CLAIMS
    assert told["stale_reads"] == 0
    assert (told["reads"], told["writes"]) == (1_200, 300)
    lines = told["lines"]
    assert 0 < lines["hits"] == lines["round_trips_saved"] < 1_200
    assert lines["invalidations"] > 0
    assert 0 < told["loads"] <= COLD + HOT
    assert told["hit_rate"] == pytest.approx(lines["hits"] / (lines["hits"] + lines["misses"]), abs=1e-4)
    again = await workload(cli, path, "--nodes", "3", "--cache", "w/a", "--limit", "300")
    assert (again.code, again.out.count("PASS")) == (0, CLAIMS)
    for word in ("hit rate", "invalidations", "write backs", "round trips saved"):
        assert word in again.out


async def test_what_stays_with_its_node_is_written_back(cli: Cli, tmp_path: Path) -> None:
    path = trace(tmp_path / "trace.csv", 1_500)
    ran = await workload(cli, path, "--nodes", "2", "--cache", "w/b", "--keep", "modified", "--json")
    told = ran.json
    assert (ran.code, told["ok"], told["stale_reads"]) == (0, True, 0), told["proof"]
    assert told["lines"]["write_backs"] > 0
    assert told["lines"]["local_writes"] > 0


async def test_a_relaxed_cache_tells_what_was_stale(cli: Cli, tmp_path: Path) -> None:
    path = trace(tmp_path / "trace.csv", 1_500)
    ran = await workload(cli, path, "--nodes", "3", "--mode", "relaxed", "--json")
    claims = {line["claim"]: line["ok"] for line in ran.json["proof"]}
    assert claims.pop("stale reads are told (relaxed)")
    assert (ran.code, set(claims.values())) == (0, {True}), ran.json["proof"]
    other = await workload(cli, path, "--cache", "workload/relaxed")
    assert (other.code, other.err.partition(":")[0]) == (2, "BAD_ARGUMENT")


async def test_it_is_proved_although_a_worker_is_killed(cli: Cli, tmp_path: Path) -> None:
    before = await decisions(cli)
    path = trace(tmp_path / "trace.csv", 12_000)
    running = asyncio.create_task(workload(cli, path, "--cache", "w/killed", "--json"))
    async with asyncio.timeout(60):
        while await decisions(cli) < before + 300:
            pass
    assert not running.done()
    cli.stack.part("worker-0").kill(signal.SIGKILL)
    ran = await running
    told = ran.json
    assert (ran.code, told["ok"], told["served"], told["stale_reads"]) == (0, True, 12_000, 0), told["proof"]
