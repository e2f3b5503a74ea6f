"""How many points a second one publisher's store writes to a real InfluxDB, and where its own time goes."""

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.plan import Plan
from storage.influx.api import InfluxSettings
from storage.influx.lines import lines_of
from storage.influx.points import BATCH, InfluxPointStore
from streams.projections.queues.tables import QUEUE_POINTS
from streams.projections.table import Row
from tidelock.local.testing import stack_for_tests

QUEUES = 1_000
"""Series."""


async def measure(plan: Plan) -> dict[str, Any]:
    """Write points of a thousand queues, window after window, as fast as they are taken."""
    with TemporaryDirectory() as home:
        plan.say("starting InfluxDB")
        async with stack_for_tests(Path(home), ("influx",)) as stack:
            found = stack.addresses.influx
            assert found is not None, "the part was asked for"
            store = InfluxPointStore(InfluxSettings(found.url, found.org, found.bucket, found.token))
            rows = _rows(int(time.time()) // 10 * 10_000 - 5 * 86_400_000)
            rates, busy = [], []
            for number in range(plan.rounds + 1):
                plan.say(f"points to InfluxDB, round {number}")
                rate, cpu = await _round(store, rows, plan.seconds)
                if number:  # the first warms up the server
                    rates.append(rate)
                    busy.append(cpu)
            await store.close()
    batch = [next(rows) for _ in range(BATCH)]
    return {
        "influx_points_per_s": median(rates),
        "influx_points_per_s_spread": [min(rates), max(rates)],
        "influx_own_us_per_point": median(busy),
        "influx_lines_us_per_point": _lines_us(batch),
        "influx_line_bytes": len(lines_of(QUEUE_POINTS, batch)[0]),
        "influx_series": QUEUES,
    }


async def _round(store: InfluxPointStore, rows: Iterator[Row], seconds: float) -> tuple[float, float]:
    """Return points a second, and microseconds of our own processor time a point."""
    points, began_s, cpu_s = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began_s < seconds:
        await store.write(QUEUE_POINTS, [next(rows) for _ in range(BATCH)])
        points += BATCH
    return points / (time.perf_counter() - began_s), (time.process_time() - cpu_s) / points * 1e6


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
