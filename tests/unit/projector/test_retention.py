"""Old rows are forgotten, period by period, of tables that have an age."""

import asyncio

import pytest

from streams.projections.builds import Build, BuildList, OneBuild
from streams.projections.ports import SinkUnavailable
from streams.projections.projection import Projection
from streams.projections.table import Table
from streams.projector.retention import AGAIN_S, PACE_S, Periods, RowKeeper
from streams.read_models import PROJECTIONS

AUDITS = ["audit", "queue_audit", "node_audit", "cache_audit"]


class Aged:
    """Two old periods of each table; `fails` first."""

    def __init__(self, fails: int = 0) -> None:
        self.left: dict[str, int] = {}
        self.fails = fails
        self.before: set[int] = set()
        self.asked: list[str] = []

    async def forget(self, projection: Projection, table: Table, before_ms: int) -> bool:
        if self.fails:
            self.fails -= 1
            raise SinkUnavailable("away")
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
    """Of each read model a build beside the live one."""

    async def of(self, projection: Projection) -> list[Build]:
        return [Build(projection.name, number, live=number == 2, version=1) for number in (1, 2)]


async def test_what_is_beside_the_live_build_is_forgotten_too_and_behind_it() -> None:
    aged = Aged()
    await kept(aged, 1, Two())
    assert [label for label in dict.fromkeys(aged.asked) if label.startswith("audit")] == ["audit", "audit@1"]


async def test_a_database_that_is_away_is_asked_again_soon() -> None:
    assert await kept(Aged(fails=1), 2) == [AGAIN_S, PACE_S]


def test_what_has_an_age_is_only_added() -> None:
    for projection in PROJECTIONS:
        for table in projection.tables:
            if table.aged is not None:
                assert table.aged in table.columns[table.key :]
                assert not table.restores
                assert table.open_column is None
