"""How long InfluxDB takes for each panel of the dashboards over seven days, all names chosen; the slowest one's p95."""

import csv
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx

from bench.plan import Plan
from bench.windows.week import SERIES, TENANTS, fill
from deploy.grafana.asked import Asked, asked, of_panels
from storage.influx.api import InfluxSettings
from storage.influx.buckets import InfluxBuckets
from storage.influx.points import InfluxPointStore
from tidelock.local.testing import stack_for_tests

WEEK: Final = timedelta(days=7)
NAMES: Final = 100
"""Queues, and as many caches."""
PATIENCE_S: Final = 300.0
SLOWEST: Final = 3
"""So many panels are asked again and again; the others only once, to know which those are."""
ASKED: Final = 20
_OF_KINDS: Final = frozenset(each.table.name for each in SERIES)


async def measure(plan: Plan) -> dict[str, Any]:
    """Fill a week, and ask."""
    with TemporaryDirectory() as home:
        plan.say("starting InfluxDB")
        async with stack_for_tests(Path(home), ("influx",)) as stack:
            at = stack.addresses.influx
            assert at is not None, "the part was asked for"
            settings = InfluxSettings(at.url, at.org, at.bucket, at.token, timeout_s=PATIENCE_S)
            plan.say("panels: a week of points, downsampled")
            end_ms = int(time.time()) // 60 * 60_000
            names = NAMES if plan.rounds > 1 else NAMES // 10
            async with httpx.AsyncClient(
                base_url=at.url,
                headers={"Authorization": f"Token {at.token}"},
                trust_env=False,
                timeout=PATIENCE_S,
            ) as http:
                points = await _fill(settings, http, end_ms, names, plan.say)
                found = await _panels(plan, http, settings)
                series = await _series(http, settings)
    return found | {
        "panel_points": points,
        "panel_series": series,
        "panel_names": 2 * names,
        "panel_tenants": TENANTS,
    }


async def _fill(
    settings: InfluxSettings, http: httpx.AsyncClient, end_ms: int, names: int, say: Callable[[str], None]
) -> int:
    store, buckets = InfluxPointStore(settings), InfluxBuckets(settings, SERIES)
    await buckets.ensure(settings.bucket)
    written = await fill(store, partial(_rows, http, settings), settings.bucket, end_ms, names, say)
    await store.close()
    await buckets.close()
    return written


async def _panels(plan: Plan, http: httpx.AsyncClient, settings: InfluxSettings) -> dict[str, Any]:
    panels = [
        one
        for one in of_panels()
        if any(f'"{name}"' in one.query for name in _OF_KINDS) or "${kind" in one.query
    ]
    for one in panels:
        await _ms(http, settings, one)
    once = {
        str(one): await _ms(http, settings, one) for one in panels
    }  # the first time, InfluxDB reads its files
    slowest = sorted(panels, key=lambda one: once[str(one)], reverse=True)[:SLOWEST]
    times: dict[str, list[float]] = {}
    for one in slowest:
        plan.say(f"panels: {one}")
        times[str(one)] = [await _ms(http, settings, one) for _ in range(ASKED * plan.rounds // 3 + 3)]
    worst = max(times, key=lambda name: _p95(times[name]))
    return {
        "panel_p95_ms": round(_p95(times[worst])),
        "panel_p95_ms_spread": [round(min(times[worst])), round(max(times[worst]))],
        "panel_slowest": worst,
        "panel_median_ms": round(median(once.values())),
        "panels": {name: round(each) for name, each in sorted(once.items(), key=lambda item: -item[1])},
    }


def _p95(times: Sequence[float]) -> float:
    return quantiles(times, n=20)[-1]


async def _ms(http: httpx.AsyncClient, settings: InfluxSettings, one: Asked) -> float:
    flux = asked(one.query, settings.bucket, WEEK, datetime.now(UTC))
    began_s = time.perf_counter()
    rows = await _rows(http, settings, flux)
    assert rows, f"{one}: no rows"
    return (time.perf_counter() - began_s) * 1000


async def _series(http: httpx.AsyncClient, settings: InfluxSettings) -> int:
    """Return how many series the bucket of ten seconds has, as InfluxDB counts them: all fields of a point are one."""
    flux = f'import "influxdata/influxdb"\ninfluxdb.cardinality(bucket: "{settings.bucket}", start: -8d)'
    (row,) = csv.DictReader((await _rows(http, settings, flux)).split())
    return int(row["_value"])


async def _rows(http: httpx.AsyncClient, settings: InfluxSettings, flux: str) -> str:
    answer = await http.post(
        "/api/v2/query",
        params={"org": settings.org},
        content=flux,
        headers={"Content-Type": "application/vnd.flux"},
    )
    assert answer.is_success, answer.text
    return answer.text.strip()
