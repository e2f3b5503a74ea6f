"""Each alert rule fires on what it is for, and on nothing near it, in a real InfluxDB."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from deploy.grafana.alerting import MOST_SERIES
from deploy.grafana.asked import rules
from tests.contract.grafana.asking import Influx, firing, written

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("sinks"),
]

RULES = {rule["uid"].removeprefix("tidelock-"): rule for rule in rules()}
NOW_MS = int(time.time() * 1000)
ACME = {"tenant": "acme"}
ORDERS = {"tenant": "acme", "queue": "orders"}
WORKER = {"process": "worker-0"}


class Case(NamedTuple):
    rule: str
    measurement: str
    tags: Mapping[str, str]
    bad: tuple[Mapping[str, Any], ...]
    good: tuple[Mapping[str, Any], ...]
    """Points: `ago_s`, and fields; further tags, if they are texts."""


CASES = (
    Case("node-failure", "node_points", ACME, ({"ago_s": 60, "died": 1},),
         ({"ago_s": 60, "died": 0}, {"ago_s": 400, "died": 5})),
    Case("decide-latency", "worker_points", WORKER | {"kind": "locks"},
         ({"ago_s": 60, "decide_p99_ms": 900.0}, {"ago_s": 30, "decide_p99_ms": 800.0}),
         ({"ago_s": 60, "decide_p99_ms": 900.0}, {"ago_s": 30, "decide_p99_ms": 8.0})),
    Case("lock-wait", "lock_points", ACME, ({"ago_s": 60, "wait_p99_ms": 20_000.0},),
         ({"ago_s": 60, "wait_p99_ms": 900.0},)),
    Case("slow-queries", "api_points", WORKER, ({"ago_s": 60, "slow": 10, "requests": 100},),
         ({"ago_s": 60, "slow": 1, "requests": 100}, {"ago_s": 20, "slow": 0, "requests": 0})),
    Case("error-rate", "api_points", WORKER, ({"ago_s": 60, "failed": 2, "requests": 100},),
         ({"ago_s": 60, "failed": 1, "requests": 100}, {"ago_s": 20, "failed": 0, "requests": 100})),
    Case("queue-backlog", "queue_gauges", ORDERS,
         ({"ago_s": 9_000, "partition": "1", "ready": 6_000}, {"ago_s": 60, "partition": "2", "ready": 6_000}),
         ({"ago_s": 9_000, "partition": "1", "ready": 60_000}, {"ago_s": 60, "partition": "1", "ready": 9})),
    Case("queue-age", "queue_gauges", ORDERS | {"partition": "1"},
         ({"ago_s": 1_300, "ready": 1, "oldest_ms": NOW_MS - 1_300_000},),
         ({"ago_s": 1_300, "ready": 1, "oldest_ms": NOW_MS - 1_300_000}, {"ago_s": 900, "ready": 0},
          {"ago_s": 20, "ready": 1, "oldest_ms": NOW_MS - 40_000, "partition": "2"})),
    Case("evictions", "cache_points", {"tenant": "acme", "cache": "prices"},
         ({"ago_s": 200, "evicted": 20_000}, {"ago_s": 100, "evicted": 20_000}),
         ({"ago_s": 200, "evicted": 20_000}, {"ago_s": 400, "evicted": 20_000})),
    Case("disk", "disk_gauges", WORKER | {"path": "/data"}, ({"ago_s": 30, "used_percent": 91.0},),
         ({"ago_s": 60, "used_percent": 91.0}, {"ago_s": 30, "used_percent": 70.0})),
    Case("projection-stalled", "projector_gauges", {"projection": "locks"},
         ({"ago_s": 24, "process": "p-0", "lag_ms": 90_000}, {"ago_s": 12, "process": "p-1", "lag_ms": 3}),
         ({"ago_s": 12, "process": "p-0", "lag_ms": 9_000}, {"ago_s": 300, "process": "p-1", "lag_ms": 90_000},
          {"ago_s": 12, "process": "p-0", "lag_ms": 900_000, "projection": "locks@2"},
          {"ago_s": 900, "process": "p-0", "lag_ms": 0, "projection": "locks@1"})),
    Case("projection-halted", "projector_gauges", {"projection": "locks"},
         ({"ago_s": 30, "process": "p-0", "halted": 0}, {"ago_s": 25, "process": "p-1", "halted": 2}),
         ({"ago_s": 30, "process": "p-0", "halted": 2}, {"ago_s": 20, "process": "p-0", "halted": 0},
          {"ago_s": 90, "process": "p-1", "halted": 1})),
    Case("projection-unhealthy", "projector_gauges", {"projection": "locks"},
         ({"ago_s": 30, "process": "p-0", "lanes": 8, "healthy": 8},
          {"ago_s": 25, "process": "p-1", "lanes": 8, "healthy": 7}),
         ({"ago_s": 30, "process": "p-0", "lanes": 8, "healthy": 7},
          {"ago_s": 20, "process": "p-0", "lanes": 8, "healthy": 8},
          {"ago_s": 90, "process": "p-1", "lanes": 8, "healthy": 1})),
    Case("dead-letters", "letter_points", WORKER | {"kind": "locks", "stage": "DECODE"},
         ({"ago_s": 500, "letters": 1},), ({"ago_s": 500, "letters": 0}, {"ago_s": 700, "letters": 4})),
    Case("messages-died", "queue_points", ORDERS, ({"ago_s": 500, "dead": 2},), ({"ago_s": 500, "dead": 0},)),
)  # fmt: skip


async def test_there_is_a_case_for_every_rule() -> None:
    assert sorted(case.rule for case in CASES) == sorted(RULES)


async def judged(
    influx: Influx, case: Case, points: tuple[Mapping[str, Any], ...], bucket: str
) -> list[dict[str, str]]:
    store, now_ms = await influx.bucket(bucket), int(time.time() * 1000)
    for point in points:
        fields = {name: each for name, each in point.items() if name != "ago_s"}
        await written(
            store, case.measurement, [{"start_ms": now_ms - point["ago_s"] * 1000, **case.tags, **fields}]
        )
    await store.close()
    return await firing(influx, RULES[case.rule], bucket)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
async def test_it_fires_on_what_it_is_for(influx: Influx, case: Case) -> None:
    fired = await judged(influx, case, case.bad, f"{case.rule}-bad")
    tags = {name: each for point in case.bad for name, each in point.items() if isinstance(each, str)}
    assert len(fired) == 1
    assert fired[0].items() <= {**tags, **case.tags}.items()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
async def test_it_does_not_fire_on_what_is_well(influx: Influx, case: Case) -> None:
    assert await judged(influx, case, case.good, f"{case.rule}-good") == []


async def test_of_more_names_than_the_data_source_takes_those_that_are_worst_are_judged(
    influx: Influx,
) -> None:
    store, told_ms = await influx.bucket("many"), int(time.time() * 1000) - 60_000
    queues = [f"q{number}" for number in range(MOST_SERIES + 200)]
    await written(
        store, "queue_gauges",
        [{"start_ms": told_ms, "tenant": "acme", "queue": name, "partition": "1",
          "ready": 20_000 if name == queues[-1] else 1} for name in queues],
    )  # fmt: skip
    await store.close()
    assert await firing(influx, RULES["queue-backlog"], "many") == [{"tenant": "acme", "queue": queues[-1]}]


async def test_a_read_model_that_nobody_tells_of_is_stalled(influx: Influx) -> None:
    (case,) = [case for case in CASES if case.rule == "projection-stalled"]
    silent = ({"ago_s": 300, "process": "p-0", "lag_ms": 0},)
    assert await judged(influx, case, silent, "silent") == [{"projection": "locks"}]
    assert RULES[case.rule]["noDataState"] == "Alerting"


async def test_requests_that_all_fail_before_they_run_are_errors(influx: Influx) -> None:
    (case,) = [case for case in CASES if case.rule == "error-rate"]
    none_ran = ({"ago_s": 60, "failed": 3, "requests": 0},)
    assert await judged(influx, case, none_ran, "none-ran") == [{"process": WORKER["process"]}]
    nobody_asked = ({"ago_s": 60, "failed": 0, "requests": 0},)
    assert await judged(influx, case, nobody_asked, "nobody-asked") == []
