"""The lock workload on a real stack, a worker killed in its middle: it is served to the end, and proved."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Cli

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("workload"),
]

HOT, COLD = 3, 50


def trace(path: Path, requests: int) -> Path:
    """Write a trace of reads and writes on a few hot extents and some cold ones, every tenth over two extents."""
    rows = ["version,time,op,size,lbn"]
    for number in range(requests):
        extent = number % HOT if number % 3 else HOT + number % COLD
        op, size = ("28" if number % 5 < 2 else "2a"), (1024 if number % 10 == 0 else 512)
        rows.append(f"1,{number},{op},{size},{extent * 2048 + 2047}")
    path.write_text("\n".join(rows) + "\n")
    return path


async def test_a_trace_is_served_and_proved(cli: Cli, tmp_path: Path) -> None:
    path = trace(tmp_path / "trace.csv", 600)
    ran = await cli("workload", "locks", "--trace", str(path), "--clients", "4", "--limit", "500", "--json")
    told = ran.json
    assert (ran.code, told["ok"], told["served"], told["locks"]) == (0, True, 500, 550)
    assert all(line["ok"] for line in told["proof"])
    assert told["answers"] - told["waits"] == 2 * told["locks"]
    assert told["percentiles_ms"]["acquire"]["p50"] > 0


async def test_it_is_proved_although_a_worker_is_killed(cli: Cli, tmp_path: Path) -> None:
    path = trace(tmp_path / "trace.csv", 6000)
    running = asyncio.create_task(cli("workload", "locks", "--trace", str(path), "--clients", "4"))
    async with asyncio.timeout(60):
        while not any(row["decisions"] > 1000 for row in (await cli("status", "--json")).json["partitions"]):
            pass
    cli.stack.part("worker-0").kill(signal.SIGKILL)
    ran = await running
    assert ran.out.count("PASS") == 6, ran.out + ran.err
    assert ran.code == 0


async def test_the_demo_shows_life(cli: Cli) -> None:
    ran = await cli("workload", "demo", "--clients", "3", "--seconds", "3")
    assert (ran.code, ran.out.startswith("3 clients, ")) == (0, True)
    assert int(ran.out.split()[2].replace(",", "")) > 0
    put, handled = re.findall(r"queue demo/tasks: (\d+) put, (\d+) handled", ran.out)[0]
    assert int(put) >= int(handled) > 0
    assert "demo/tasks" in (await cli("queue", "stats", "demo/tasks")).out
