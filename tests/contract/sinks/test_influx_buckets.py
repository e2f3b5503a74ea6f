"""Buckets, retention and downsampling on a real InfluxDB: idempotent, with what came late, and what cannot be had."""

import asyncio
import csv
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from storage.influx.api import InfluxForbidden, InfluxSettings, Retention
from storage.influx.buckets import InfluxBuckets, InfluxNotFit
from storage.influx.downsampled import DownsampledPoints
from storage.influx.points import InfluxPointStore
from streams.projections.projection import Series
from streams.projections.table import Row, Table
from streams.read_models import PROJECTIONS
from tests.contract.sinks.conftest import influx_for_tests
from tidelock.local.addresses import InfluxAddress

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("sinks"),
]

HOUR_MS = 3_600_000
NOW_MS = int(datetime.now().timestamp()) * 1000
START_MS = NOW_MS - NOW_MS % HOUR_MS - 3 * HOUR_MS
TOYS = Table("toys", ("start_ms", "tenant", "total", "wait_p99_ms", "depth"), key=2)


def _none(rows: Sequence[Row]) -> Sequence[Row]:
    return rows


SERIES = (Series(TOYS, _none, largest=("wait_p99_ms",), latest=("depth",)),)
REAL_SERIES = tuple(each for one in PROJECTIONS if one.points is not None for each in one.points.series)
Points = dict[tuple[int, str], dict[str, float]]


class Server:
    """An InfluxDB, and what it has."""

    def __init__(self, address: InfluxAddress) -> None:
        self.settings = InfluxSettings(address.url, address.org, address.bucket, address.token)
        self._http = httpx.AsyncClient(
            base_url=address.url,
            headers={"Authorization": f"Token {address.token}"},
            trust_env=False,
            timeout=30,
        )

    async def get(self, path: str, **params: str) -> Any:
        answer = await self._http.get(f"/api/v2/{path}", params=params)
        answer.raise_for_status()
        return answer.json()

    async def post(self, path: str, **body: Any) -> Any:
        answer = await self._http.post(f"/api/v2/{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def run(self, task: str, run: str) -> str | None:
        """Return how a run of a task stands; None: InfluxDB is just moving it to those that ended."""
        answer = await self._http.get(f"/api/v2/tasks/{task}/runs/{run}")
        return str(answer.json()["status"]) if answer.is_success else None

    async def org(self) -> str:
        found = await self.get("orgs", org=self.settings.org)
        return str(found["orgs"][0]["id"])

    async def retentions(self, prefix: str) -> dict[str, int]:
        found = await self.get("buckets", limit="100")
        return {
            one["name"]: sum(rule["everySeconds"] for rule in one["retentionRules"])
            for one in found["buckets"]
            if one["name"].startswith(prefix)
        }

    async def points(self, bucket: str) -> Points:
        flux = (
            f'from(bucket: "{bucket}") |> range(start: 0, stop: 2100-01-01T00:00:00Z)'
            ' |> filter(fn: (r) => r._measurement == "toys") |> toFloat() |> group()'
            ' |> keep(columns: ["_time", "tenant", "_field", "_value"])'
        )
        answer = await self._http.post(
            "/api/v2/query", params={"org": self.settings.org}, content=flux,
            headers={"Content-Type": "application/vnd.flux"},
        )  # fmt: skip
        answer.raise_for_status()
        found: defaultdict[tuple[int, str], dict[str, float]] = defaultdict(dict)
        for row in csv.DictReader(answer.text.split()):
            at_ms = round(datetime.fromisoformat(row["_time"]).timestamp() * 1000)
            found[at_ms, row["tenant"]][row["_field"]] = float(row["_value"])
        return dict(found)

    async def close(self) -> None:
        await self._http.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with influx_for_tests(tmp_path_factory.mktemp("influx")) as address:
        made = Server(address)
        yield made
        await made.close()


def by_brute_force(rows: Sequence[Row], every_ms: int) -> Points:
    """Downsample once, from rows of ten seconds."""
    of: defaultdict[tuple[int, str], list[Row]] = defaultdict(list)
    for row in sorted(rows):
        of[row[0] - row[0] % every_ms, row[1]].append(row)
    return {
        key: {
            "total": sum(row[2] for row in found),
            "wait_p99_ms": max(row[3] for row in found),
            "wait_p99_ms_mean": sum(row[3] for row in found) / len(found),
            "depth": found[-1][4],
            "depth_max": max(row[4] for row in found),
        }
        for key, found in of.items()
    }


def ten_seconds(number: int, tenant: str = "acme") -> Row:
    return (START_MS + 10_000 * number, tenant, number, float(number % 7), number % 5)


async def test_buckets_keep_as_long_as_told_and_making_them_twice_changes_nothing(server: Server) -> None:
    settings = replace(server.settings, bucket="kept", retention=Retention(604_800, 7_776_000, 63_072_000))
    buckets = InfluxBuckets(settings, REAL_SERIES)
    for _ in range(2):
        await buckets.ensure("kept")
        assert await server.retentions("kept") == {
            "kept": 604_800, "kept_1m": 7_776_000, "kept_1h": 63_072_000,
        }  # fmt: skip
        tasks = (await server.get("tasks", limit="100"))["tasks"]
        assert sorted(one["name"] for one in tasks if " kept_" in one["name"]) == [
            "tidelock kept_1h", "tidelock kept_1m",
        ]  # fmt: skip
    await buckets.close()


async def test_another_setting_is_taken_over_and_a_twin_of_a_task_goes(server: Server) -> None:
    first = InfluxBuckets(replace(server.settings, bucket="changed"), SERIES)
    await first.ensure("changed")
    task = next(one for one in (await server.get("tasks"))["tasks"] if one["name"] == "tidelock changed_1m")
    await server.post("tasks", orgID=await server.org(), flux=task["flux"])
    longer = replace(server.settings, bucket="changed", retention=Retention(86_400 * 30, 0, 0))
    second = InfluxBuckets(longer, REAL_SERIES)
    await second.ensure("changed")
    assert await server.retentions("changed") == {"changed": 2_592_000, "changed_1m": 0, "changed_1h": 0}
    tasks = [one for one in (await server.get("tasks", limit="100"))["tasks"] if " changed_" in one["name"]]
    assert len(tasks) == 2
    assert all("node_gauges" in one["flux"] for one in tasks)
    for each in (first, second):
        await each.close()


async def test_a_bucket_of_others_keeps_its_points_and_the_cure_is_told(server: Server) -> None:
    await server.post("buckets", orgID=await server.org(), name="theirs", retentionRules=[])
    buckets = InfluxBuckets(replace(server.settings, bucket="theirs"), SERIES)
    with pytest.raises(InfluxNotFit, match=r"influx bucket update --id \w+ --retention 604800s"):
        await buckets.ensure("theirs")
    assert await server.retentions("theirs") == {"theirs": 0}
    await buckets.close()


async def test_a_token_that_may_not_is_told_what_it_needs(server: Server) -> None:
    org = await server.org()
    permissions = [{"action": "write", "resource": {"type": "buckets", "orgID": org}}]
    made = await server.post("authorizations", orgID=org, permissions=permissions)
    weak = replace(server.settings, token=made["token"], bucket="weak")
    buckets = InfluxBuckets(weak, SERIES)
    with pytest.raises((InfluxForbidden, InfluxNotFit), match="TIDELOCK_INFLUX"):
        await buckets.ensure("weak")
    await buckets.close()


async def test_points_are_written_though_the_token_may_not_make_buckets(server: Server) -> None:
    org = await server.org()
    await server.post("buckets", orgID=org, name="ready", retentionRules=[])
    permissions = [{"action": "write", "resource": {"type": "buckets", "orgID": org}}]
    token = (await server.post("authorizations", orgID=org, permissions=permissions))["token"]
    settings = replace(server.settings, token=token, bucket="ready")
    store = DownsampledPoints(InfluxPointStore(settings), InfluxBuckets(settings, SERIES), settings)
    await store.write(TOYS, [ten_seconds(1)])
    assert store.trouble is not None
    assert len(await server.points("ready")) == 1
    await store.close()


async def test_minutes_and_hours_are_those_of_brute_force_with_what_came_late(server: Server) -> None:
    settings = replace(server.settings, bucket="down")
    buckets, store = InfluxBuckets(settings, SERIES), InfluxPointStore(settings)
    await buckets.ensure("down")
    rows = [ten_seconds(number, tenant) for number in range(0, 500, 3) for tenant in ("acme", "b")]
    late = [ten_seconds(number, "acme") for number in range(1, 500, 3)]
    seen: list[Row] = []
    for batch in (rows, late, []):
        await store.write(TOYS, batch)
        seen += batch
        await buckets.downsample("down", START_MS, START_MS + 2 * HOUR_MS)
        assert await server.points("down_1m") == by_brute_force(seen, 60_000)
        hours = await server.points("down_1h")
        for key, expected in by_brute_force(seen, HOUR_MS).items():
            told = hours[key]
            for name in ("total", "wait_p99_ms", "depth", "depth_max"):
                assert told[name] == expected[name], (key, name)
    for each in (buckets, store):
        await each.close()


async def test_the_tasks_do_the_same(server: Server) -> None:
    settings = replace(server.settings, bucket="task")
    buckets, store = InfluxBuckets(settings, SERIES), InfluxPointStore(settings)
    await buckets.ensure("task")
    minute = NOW_MS - NOW_MS % 60_000 - 120_000
    rows = [(minute + 10_000 * number, "acme", 1, 2.0, number) for number in range(6)]
    await store.write(TOYS, rows)
    found = (await server.get("tasks", name="tidelock task_1m"))["tasks"]
    run = await server.post(f"tasks/{found[0]['id']}/runs")
    async with asyncio.timeout(120):
        while (state := await server.run(found[0]["id"], run["id"])) in ("scheduled", "started", None):
            await asyncio.sleep(0.1)
    assert state == "success"
    assert await server.points("task_1m") == by_brute_force(rows, 60_000)
    for each in (buckets, store):
        await each.close()


async def test_late_points_are_downsampled_once_no_more_of_them_come(server: Server) -> None:
    settings = replace(server.settings, bucket="late")
    pauses = 0

    async def pause(_: float) -> None:
        nonlocal pauses
        pauses += 1
        if pauses == 2:
            await store.write(TOYS, rows[30:])
        if pauses == 6:
            raise StopAsyncIteration

    store = DownsampledPoints(InfluxPointStore(settings), InfluxBuckets(settings, SERIES), settings, pause)
    rows = [ten_seconds(number) for number in range(60)]
    await store.write(TOYS, rows[:30])
    with pytest.raises(StopAsyncIteration):
        await store.run()
    assert await server.points("late_1m") == by_brute_force(rows, 60_000)
    await store.close()


async def test_a_bucket_for_each_tenant(server: Server) -> None:
    settings = replace(server.settings, bucket="each", bucket_per_tenant=True)
    store = DownsampledPoints(InfluxPointStore(settings), InfluxBuckets(settings, SERIES), settings)
    await store.write(TOYS, [ten_seconds(1, "acme"), ten_seconds(2, "b"), ten_seconds(3, "acme")])
    assert store.trouble is None
    assert {key[1] for key in await server.points("each.acme")} == {"acme"}
    assert len(await server.points("each.b")) == 1
    assert set(await server.retentions("each")) == {
        "each.acme", "each.acme_1m", "each.acme_1h", "each.b", "each.b_1m", "each.b_1h",
    }  # fmt: skip
    await store.close()
