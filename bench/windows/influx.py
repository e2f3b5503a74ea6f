"""How many points a second one publisher's store writes to a real InfluxDB, and where its own time goes."""

import asyncio
import gc
import gzip
import os
import time
from collections import deque
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped, unused-ignore]

from bench.cpu import CpuMeter, CpuUse
from bench.plan import Plan
from storage.influx.api import InfluxSettings, connected
from storage.influx.lines import lines_of
from storage.influx.points import BATCH, InfluxPointStore
from streams.projections.queues.tables import QUEUE_POINTS
from streams.projections.table import Row
from tidelock.local.testing import stack_for_tests

QUEUES = 1_000
"""Series."""
MOST_PER_S = 60_000
"""So many points are made before a round, so that making them up is in no figure."""
SENDERS = 2
"""Requests at a time of the client that only sends."""


async def measure(plan: Plan) -> dict[str, Any]:
    """Write points of a thousand queues, window after window, as fast as they are taken."""
    rows = _rows(int(time.time()) // 10 * 10_000 - 5 * 86_400_000)
    with TemporaryDirectory() as home:
        plan.say("starting InfluxDB")
        async with stack_for_tests(Path(home), ("influx",)) as stack:
            found = stack.addresses.influx
            assert found is not None, "the part was asked for"
            settings = InfluxSettings(found.url, found.org, found.bucket, found.token)
            store = InfluxPointStore(settings)
            meter = CpuMeter({"own": os.getpid(), "server": _server()})
            rounds, ready = [], []
            for number in range(plan.rounds + 1):  # the first warms up the server
                plan.say(f"points to InfluxDB, round {number}")
                rounds.append(await _round(store, rows, plan.seconds, meter))
                ready.append(await _ready_made(settings, rows, plan.seconds))
            await store.close()
    rates, batch = [rate for rate, _ in rounds[1:]], list(islice(rows, BATCH))
    used = [cpu.us_per_command for _, cpu in rounds[1:]]
    return {
        "influx_points_per_s": round(median(rates)),
        "influx_points_per_s_spread": [round(min(rates)), round(max(rates))],
        "influx_ready_made_per_s": round(median(ready[1:])),
        "influx_ready_made_per_s_spread": [round(min(ready[1:])), round(max(ready[1:]))],
        "influx_own_us_per_point": median(each["own"] for each in used),
        "influx_server_us_per_point": median(each["server"] for each in used),
        "influx_lines_us_per_point": _lines_us(batch),
        "influx_line_bytes": len(lines_of(QUEUE_POINTS, batch)[0]),
        "influx_series": QUEUES,
    }


def _server() -> int:
    (server,) = [one for one in psutil.Process().children(recursive=True) if one.name() == "influxd"]
    return int(server.pid)


async def _round(
    store: InfluxPointStore, rows: Iterator[Row], seconds: float, meter: CpuMeter
) -> tuple[float, CpuUse]:
    """Return points a second, and processor time a point, of rows made before."""
    batches = [list(islice(rows, BATCH)) for _ in range(round(seconds * MOST_PER_S / BATCH) + 1)]
    gc.collect()
    meter.start()
    points, began_s = 0, time.perf_counter()
    for batch in batches:
        await store.write(QUEUE_POINTS, batch)
        points += len(batch)
        if time.perf_counter() - began_s > seconds:
            break
    return points / (time.perf_counter() - began_s), meter.stop(points)


async def _ready_made(settings: InfluxSettings, rows: Iterator[Row], seconds: float) -> float:
    """Return points a second that the server takes of a client that has nothing to do but send."""
    bodies = deque(
        gzip.compress("\n".join(lines_of(QUEUE_POINTS, list(islice(rows, BATCH)))).encode(), 1)
        for _ in range(round(seconds * MOST_PER_S / BATCH) + 1)
    )
    params = {"org": settings.org, "bucket": settings.bucket, "precision": "ms"}
    headers = {"Content-Encoding": "gzip"}
    points, began_s = 0, time.perf_counter()

    async def send(client: httpx.AsyncClient) -> None:
        nonlocal points
        while bodies and time.perf_counter() - began_s < seconds:
            answer = await client.post(
                "/api/v2/write", params=params, content=bodies.popleft(), headers=headers
            )
            answer.raise_for_status()
            points += BATCH

    async with connected(settings) as client:
        await asyncio.gather(*[send(client) for _ in range(SENDERS)])
    return points / (time.perf_counter() - began_s)


def _lines_us(batch: list[Row]) -> float:
    began_s = time.process_time()
    lines_of(QUEUE_POINTS, batch)
    return (time.process_time() - began_s) / len(batch) * 1e6


def _rows(start_ms: int) -> Iterator[Row]:
    counters = (
        len([name for name in QUEUE_POINTS.columns[QUEUE_POINTS.key :] if not name.endswith("_ms")]) - 2
    )
    for window in count():
        for queue in range(QUEUES):
            told = [(window * 7 + queue * each) % 1_000 for each in range(counters)]
            lasted = (float(queue % 90) + 0.5, float(queue % 300), float(queue % 900) + 0.25)
            yield (start_ms + 10_000 * window, "acme", f"orders-{queue}", *told, 30, *lasted, 20, *lasted)
