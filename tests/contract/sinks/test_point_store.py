"""What every adapter of `PointStore` promises: a point is its measurement, tags and time, however often written."""

import csv
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Protocol

import httpx
import pytest
import pytest_asyncio

from storage.influx.api import InfluxSettings
from storage.influx.buckets import InfluxBuckets
from storage.influx.points import InfluxPointStore
from storage.memory.copies import MemoryPointStore
from streams.projections.locks.tables import LOCK_POINTS
from streams.projections.locks.windows import LockCounts
from streams.projections.ports import BucketsAway, PointsRefused, PointStore, RowRefused, SinkUnavailable
from streams.projections.projection import Series
from streams.projections.table import Table
from tests.contract.sinks.conftest import influx_for_tests
from tidelock.local.addresses import InfluxAddress

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW_MS = int(time.time()) // 60 * 60_000 - 3_600_000
"""An hour ago: InfluxDB refuses what is older than its bucket keeps."""
_numbers = count()
REAL = pytest.param("influx", marks=[pytest.mark.integration, pytest.mark.xdist_group("sinks")])

Point = dict[str, object]


class Realm(Protocol):
    """A store, and a way to read it."""

    @property
    def store(self) -> PointStore: ...

    async def read(self, table: Table) -> list[Point]:
        """Return all points in order of time and tags; a field that is null is not there."""


class MemoryRealm:
    def __init__(self) -> None:
        self.store = MemoryPointStore()

    async def read(self, table: Table) -> list[Point]:
        rows = sorted(self.store.points.get(table, {}).values())
        return [
            {column: each for column, each in zip(table.columns, row, strict=True) if each is not None}
            for row in rows
        ]


class InfluxRealm:
    def __init__(self, address: InfluxAddress) -> None:
        self.address = address
        self.store = InfluxPointStore(settings(address))

    async def read(self, table: Table) -> list[Point]:
        """Ask Flux for one row a point."""
        flux = (
            f'from(bucket: "{self.address.bucket}") |> range(start: 0) '
            f'|> filter(fn: (r) => r._measurement == "{table.name}") '
            '|> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'
        )
        async with httpx.AsyncClient(base_url=self.address.url, trust_env=False, timeout=20) as client:
            answer = await client.post(
                "/api/v2/query",
                params={"org": self.address.org},
                headers={"Authorization": f"Token {self.address.token}", "Accept": "application/csv"},
                json={
                    "query": flux,
                    "dialect": {"annotations": ["datatype"], "dateTimeFormat": "RFC3339Nano"},
                },
            )
        answer.raise_for_status()
        return sorted(_points(answer.text, table), key=_place)


def _points(text: str, table: Table) -> list[Point]:
    """Read InfluxDB's annotated CSV: a line of types, a line of names, then rows; again for each set of columns."""
    found: list[Point] = []
    types: list[str] = []
    names: list[str] = []
    for line in csv.reader(text.splitlines()):
        if line and line[0] == "#datatype":
            types, names = line, []
        elif line and types and not names:
            names = line
        elif line:
            found.append(_point(dict(zip(names, zip(types, line, strict=True), strict=True)), table))
    return found


def _point(cells: dict[str, tuple[str, str]], table: Table) -> Point:
    point: Point = {"start_ms": _ms(cells["_time"][1])}
    for column in table.columns[1:]:
        kind, text = cells.get(column, ("", ""))
        if text:
            point[column] = {"long": int, "double": float}.get(kind, str)(text)
    return point


def _place(point: Point) -> tuple[str, str]:
    return str(point["start_ms"]), str(point["tenant"])


def _ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def settings(address: InfluxAddress) -> InfluxSettings:
    return InfluxSettings(address.url, address.org, address.bucket, address.token)


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=["memory", REAL],
)
async def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[InfluxAddress | None]:
    """A real InfluxDB; None: in memory."""
    if request.param == "memory":
        yield None
        return
    async with influx_for_tests(tmp_path_factory.mktemp("influx")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def realm(address: InfluxAddress | None) -> AsyncIterator[Realm]:
    """A store to write to."""
    if address is None:
        yield MemoryRealm()
        return
    found = InfluxRealm(address)
    yield found
    await found.store.close()


@pytest.fixture
def table() -> Table:
    """A measurement of its own."""
    return Table(f"points{next(_numbers)}", ("start_ms", "tenant", "total", "share"), key=2)


async def test_a_row_is_a_point(realm: Realm, table: Table) -> None:
    await realm.store.write(table, [(NOW_MS, "acme", 2**53 + 1, 0.25), (NOW_MS + 10_000, "acme", 0, -1.5)])
    assert await realm.read(table) == [
        {"start_ms": NOW_MS, "tenant": "acme", "total": 2**53 + 1, "share": 0.25},
        {"start_ms": NOW_MS + 10_000, "tenant": "acme", "total": 0, "share": -1.5},
    ]


async def test_a_point_written_twice_is_one_and_the_later_counts(realm: Realm, table: Table) -> None:
    for total in (1, 1, 5):
        await realm.store.write(table, [(NOW_MS, "acme", total, 0.5), (NOW_MS, "other", 9, 0.5)])
    assert [(point["tenant"], point["total"]) for point in await realm.read(table)] == [
        ("acme", 5),
        ("other", 9),
    ]


async def test_what_is_null_is_no_field(realm: Realm, table: Table) -> None:
    await realm.store.write(table, [(NOW_MS, "acme", 1, None)])
    assert await realm.read(table) == [{"start_ms": NOW_MS, "tenant": "acme", "total": 1}]


@pytest.mark.parametrize("tenant", ["a b,c=d", 'say "hi"', "naïve – 日本語 🔒", "a\\b", "#", "'", "%s {}"])
async def test_tenants_are_any_text(realm: Realm, table: Table, tenant: str) -> None:
    await realm.store.write(table, [(NOW_MS, tenant, 1, 0.5), (NOW_MS, "acme", 2, 0.5)])
    found = {point["tenant"]: point["total"] for point in await realm.read(table)}
    assert found == {tenant: 1, "acme": 2}


async def test_more_points_than_one_request_takes(realm: Realm, table: Table) -> None:
    rows = [(NOW_MS + number, f"tenant {number % 3}", number, 0.5) for number in range(12_000)]
    await realm.store.write(table, rows)
    assert [point["total"] for point in await realm.read(table)] == list(range(12_000))


async def test_nothing_is_written_of_no_rows(realm: Realm, table: Table) -> None:
    await realm.store.write(table, [])
    assert await realm.read(table) == []


async def test_half_a_character_is_refused(realm: Realm, table: Table) -> None:
    with pytest.raises(RowRefused):
        await realm.store.write(table, [(NOW_MS, "half \ud800", 1, 0.5)])
    assert await realm.read(table) == []


async def test_the_real_points(realm: Realm) -> None:
    counted = range(len(LockCounts.measures.counters))
    row = (NOW_MS, "acme", *counted, 2, 1.5, 2.0, 2.5, 0, None, None, None)
    await realm.store.write(LOCK_POINTS, [row])
    (point,) = await realm.read(LOCK_POINTS)
    assert point == {
        column: each for column, each in zip(LOCK_POINTS.columns, row, strict=True) if each is not None
    }


@pytest.mark.parametrize("address", [REAL], indirect=True)
async def test_a_field_that_changes_its_type_is_refused(realm: Realm, table: Table) -> None:
    await realm.store.write(table, [(NOW_MS, "acme", 1, 0.5)])
    with pytest.raises(RowRefused, match="field type conflict"):
        await realm.store.write(table, [(NOW_MS + 1, "acme", "text", 0.5)])


async def test_of_many_points_those_that_are_refused_are_named_and_the_others_are_written(
    realm: Realm, table: Table
) -> None:
    bad = {17, 4_000, 4_001, 5_999}
    rows = [(NOW_MS + at, "half \ud800" if at in bad else "acme", at, 0.5) for at in range(6_000)]
    with pytest.raises(PointsRefused) as refused:
        await realm.store.write(table, rows)
    assert {row[2] for row in refused.value.rows} == bad
    assert [point["total"] for point in await realm.read(table)] == [
        at for at in range(6_000) if at not in bad
    ]


@pytest.mark.parametrize("address", [REAL], indirect=True)
async def test_of_points_that_influxdb_drops_it_is_found_out_which(realm: Realm, table: Table) -> None:
    await realm.store.write(table, [(NOW_MS, "acme", 1, 0.5)])
    rows = [(NOW_MS + at, "acme", "text" if at in (3, 77) else at, 0.5) for at in range(1, 100)]
    with pytest.raises(PointsRefused, match="field type conflict") as refused:
        await realm.store.write(table, rows)
    assert {row[0] - NOW_MS for row in refused.value.rows} == {3, 77}
    assert len(await realm.read(table)) == 98


@pytest.mark.parametrize("address", [REAL], indirect=True)
async def test_a_bucket_that_is_not_there_keeps_up_no_other(address: InfluxAddress, table: Table) -> None:
    store = InfluxPointStore(replace(settings(address), bucket_per_tenant=True))
    buckets = InfluxBuckets(settings(address), (Series(table, tuple),))
    await buckets.ensure(f"{address.bucket}.here")
    await buckets.close()
    rows = [(NOW_MS, "gone", 1, 0.5), (NOW_MS, "here", 2, 0.5)]
    with pytest.raises(BucketsAway, match=r"tidelock.gone.*TIDELOCK_INFLUX") as away:
        await store.write(table, rows)
    assert away.value.left == {f"{address.bucket}.gone": rows[:1]}
    realm = InfluxRealm(replace(address, bucket=f"{address.bucket}.here"))
    assert [point["total"] for point in await realm.read(table)] == [2]
    await realm.store.close()
    await store.close()


@pytest.mark.parametrize("address", [REAL], indirect=True)
async def test_a_wrong_token_is_waited_for_with_the_cure(address: InfluxAddress, table: Table) -> None:
    store = InfluxPointStore(InfluxSettings(address.url, address.org, address.bucket, "wrong"))
    with pytest.raises(SinkUnavailable, match="TIDELOCK_INFLUX"):
        await store.write(table, [(NOW_MS, "acme", 1, 0.5)])
    await store.close()


async def test_a_server_that_is_away_is_named(table: Table) -> None:
    store = InfluxPointStore(InfluxSettings("http://127.0.0.1:1", "o", "b", "t"))
    with pytest.raises(SinkUnavailable, match=r"http://127.0.0.1:1 cannot be reached"):
        await store.write(table, [(NOW_MS, "acme", 1, 0.5)])
    await store.close()
