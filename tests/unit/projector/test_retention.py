"""Old rows are forgotten, period by period, of tables that have an age."""

import asyncio

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from streams.projections.builds import Build, BuildList, OneBuild
from streams.projections.ports import SinkUnavailable
from streams.projections.projection import Projection
from streams.projections.table import Table
from streams.projector.retention import AGAIN_S, PACE_S, Periods, RowKeeper
from streams.read_models import PROJECTIONS

AUDITS = ["audit", "queue_audit", "node_audit", "cache_audit"]


class Aged:
    """Two old periods of each table; `fails` first, and `never` of one table."""

    def __init__(self, fails: int = 0, never: str = "") -> None:
        self.left: dict[str, int] = {}
        self.fails, self.never = fails, never
        self.before: set[int] = set()
        self.asked: list[str] = []

    async def forget(self, projection: Projection, table: Table, before_ms: int) -> bool:
        if self.fails:
            self.fails -= 1
            raise SinkUnavailable("away")
        if table.name == self.never:
            raise SinkUnavailable("lacks a migration")
        assert table in projection.tables
        self.asked.append(projection.label)
        self.before.add(before_ms)
        self.left[table.name] = self.left.get(table.name, 2) - 1
        return self.left[table.name] >= 0


async def kept(aged: Aged, rounds: int, builds: BuildList | None = None) -> list[float]:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == rounds:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        told = OneBuild() if builds is None else builds
        await RowKeeper(PROJECTIONS, Periods(aged), 600, pause, lambda: 1_000.0, told).run()
    return pauses


async def test_all_old_periods_of_every_table_that_has_an_age_go() -> None:
    aged = Aged()
    assert await kept(aged, 1) == [PACE_S]
    assert sorted(aged.left) == sorted(AUDITS)
    assert set(aged.left.values()) == {-1}
    assert aged.before == {400_000}


class Two:
    """Of each read model a build beside the live one; `others`: of the releases before and after."""

    def __init__(self, *others: int) -> None:
        self.others = others

    async def of(self, projection: Projection) -> list[Build]:
        return [
            Build(projection.name, number, number == 2, projection.version + self.others.count(number))
            for number in (1, 2)
        ]


async def test_what_is_beside_the_live_build_is_forgotten_too_and_behind_it() -> None:
    aged = Aged()
    await kept(aged, 1, Two())
    assert [label for label in dict.fromkeys(aged.asked) if label.startswith("audit")] == ["audit", "audit@1"]


@pytest.mark.parametrize(("others", "left"), [((1,), ["audit"]), ((2,), ["audit@1"]), ((1, 2), [])])
async def test_builds_of_another_release_are_left_to_it(others: tuple[int, ...], left: list[str]) -> None:
    aged = Aged()
    await kept(aged, 1, Two(*others))
    assert [label for label in dict.fromkeys(aged.asked) if label.startswith("audit")] == left


async def test_a_table_that_cannot_forget_stands_in_no_others_way_and_is_told_of() -> None:
    aged = Aged(never=AUDITS[0])
    went, stayed = counted(AUDITS[1]), troubles(AUDITS[0])
    with capture_logs() as logs:
        assert await kept(aged, 1) == [AGAIN_S]
    assert sorted(aged.left) == sorted(AUDITS[1:])
    assert [line["table"] for line in logs if line["log_level"] == "warning"] == [AUDITS[0]]
    assert (counted(AUDITS[1]), troubles(AUDITS[0])) == (went + 2, stayed + 1)


def counted(table: str) -> float:
    labels = {"table": table, "what": "periods"}
    return REGISTRY.get_sample_value("tidelock_old_rows_forgotten_total", labels) or 0


def troubles(table: str) -> float:
    labels = {"table": table, "code": "SINK_UNAVAILABLE"}
    return REGISTRY.get_sample_value("tidelock_old_rows_troubles_total", labels) or 0


async def test_a_database_that_is_away_is_asked_again_soon() -> None:
    assert await kept(Aged(fails=1), 2) == [AGAIN_S, PACE_S]


async def test_what_goes_on_failing_is_tried_less_and_less_often() -> None:
    pauses = await kept(Aged(never=AUDITS[0]), 9)
    assert pauses[:3] == [AGAIN_S, 2 * AGAIN_S, 4 * AGAIN_S]
    assert pauses[-1] == PACE_S


def test_what_has_an_age_is_only_added() -> None:
    for projection in PROJECTIONS:
        for table in projection.tables:
            if table.aged is not None:
                assert table.aged in table.columns[table.key :]
                assert not table.restores
                assert table.open_column is None
