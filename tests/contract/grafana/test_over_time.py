"""What panels show over time, against brute force: gauges of silent partitions, sums, ages, choices."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.grafana.flux import added, largest, share
from deploy.grafana.gauges import now, oldest, standing
from tests.contract.grafana.asking import Influx, written

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("sinks"),
]

TAGS = ("tenant", "queue")
STEP_MS = 10_000
NOW_MS = int(datetime.now(UTC).timestamp()) // 10 * 10_000
HOUR = timedelta(hours=1)
Points = list[dict[str, Any]]


def gauges(seed: int) -> Points:
    """Four series: one silent for hours, one that begins late, one busy, one in another partition of the same queue."""
    chance = random.Random(seed)
    series = {
        ("silent", "1"): [3 * 3_600],
        ("late", "1"): [1_200, 600],
        ("busy", "1"): [*range(5_000, 20, -50)],
        ("busy", "2"): [4_000, 900, 890],
    }
    return [
        {"start_ms": NOW_MS - ago_s * 1000, "tenant": "acme", "queue": queue, "partition": partition,
         "ready": chance.randrange(100), "oldest_ms": NOW_MS - ago_s * 1000 - chance.randrange(10_000)}
        for (queue, partition), times in series.items()
        for ago_s in times
    ]  # fmt: skip


def at_ms(row: dict[str, str]) -> int:
    return round(datetime.fromisoformat(row["_time"]).timestamp() * 1000)


def stood(points: Points, until_ms: int) -> int:
    """Return the sum of each series' latest before a moment."""
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for point in sorted(points, key=lambda each: each["start_ms"]):
        if point["start_ms"] < until_ms:
            last[point["queue"], point["partition"]] = point
    return sum(each["ready"] for each in last.values())


async def test_gauges_add_up_and_who_is_silent_stands_as_before(influx: Influx) -> None:
    points = gauges(1)
    store = await influx.bucket("standing")
    await written(store, "queue_gauges", points)
    await store.close()
    rows = await influx.rows(standing("queue_gauges", ["ready"], TAGS), HOUR, "standing")
    assert len(rows) >= 350
    assert {at_ms(row): int(row["ready"]) for row in rows} == {
        at_ms(row): stood(points, at_ms(row) + STEP_MS) for row in rows
    }
    (row,) = await influx.rows(now("queue_gauges", ["ready"], TAGS), HOUR, "standing")
    assert int(row["ready"]) == stood(points, NOW_MS)


async def test_a_choice_of_names_leaves_the_others_out(influx: Influx) -> None:
    points = gauges(2)
    store = await influx.bucket("chosen")
    await written(store, "queue_gauges", points)
    await store.close()
    for chosen in (["late"], ["late", "silent"], ["a.b/c"]):
        rows = await influx.rows(
            now("queue_gauges", ["ready"], TAGS), HOUR, "chosen", {"queue": chosen, "tenant": ["acme"]}
        )
        left = [each for each in points if each["queue"] in chosen]
        assert [int(row["ready"]) for row in rows] == ([stood(left, NOW_MS)] if left else [])


async def test_the_oldest_message_is_that_of_the_queues_with_points(influx: Influx) -> None:
    points = gauges(3)
    store = await influx.bucket("oldest")
    await written(store, "queue_gauges", points)
    await store.close()
    for row in await influx.rows(oldest(TAGS), HOUR, "oldest"):
        begins_ms = at_ms(row)
        there = [each["oldest_ms"] for each in points if begins_ms <= each["start_ms"] < begins_ms + STEP_MS]
        assert int(row["oldest"]) == begins_ms + STEP_MS - min(there)


async def test_counters_are_rates_percentiles_the_largest_and_shares_of_nothing_are_none(
    influx: Influx,
) -> None:
    store = await influx.bucket("counted")
    told = {"tenant": "acme", "commands": 40, "rejected": 10, "wait_p99_ms": 5.5}
    other = {"tenant": "b", "commands": 20, "rejected": 5, "wait_p99_ms": 7.5}
    start_ms = NOW_MS - 600_000
    await written(store, "lock_points", [{"start_ms": start_ms, **each} for each in (told, other)])
    await store.close()
    tags = ("tenant",)
    rates = await influx.rows(added("lock_points", ["commands", "rejected"], tags), HOUR, "counted")
    assert {float(row["commands"]) for row in rows_but(rates, start_ms)} == {0.0}
    assert [(float(row["commands"]), float(row["rejected"])) for row in rows_at(rates, start_ms)] == [
        (6.0, 1.5)
    ]
    waits = await influx.rows(largest("lock_points", ["wait_p99_ms"], tags), HOUR, "counted")
    assert [row["wait_p99_ms"] for row in waits if row["wait_p99_ms"]] == ["7.5"]
    shares = await influx.rows(share("lock_points", "rejected", ["commands"], tags), HOUR, "counted")
    assert {float(row["rejected"]) for row in rows_but(shares, start_ms)} == {0.0}
    assert [float(row["rejected"]) for row in rows_at(shares, start_ms)] == [0.25]


def rows_at(rows: list[dict[str, str]], start_ms: int) -> list[dict[str, str]]:
    return [row for row in rows if at_ms(row) == start_ms]


def rows_but(rows: list[dict[str, str]], start_ms: int) -> list[dict[str, str]]:
    return [row for row in rows if at_ms(row) != start_ms]
