"""Histories are forgotten by and by: all that say how, of all builds, some rows at a time."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from streams.projections.builds import Build, BuildList, OneBuild
from streams.projections.ports import SinkUnavailable, Sweep, Swept
from streams.projections.projection import Projection
from streams.projections.table import Table
from streams.projector.retention import AGAIN_S, BREATH_S, PACE_S, ROWS, Histories, RowKeeper
from streams.read_models import PROJECTIONS

OLD = {table.name for projection in PROJECTIONS for table in projection.tables if table.forgets is not None}


class Old:
    """Two goes of each table; `fails` first."""

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.asked: list[tuple[str, str, Sweep]] = []

    async def forget(self, projection: Projection, table: Table, sweep: Sweep) -> Swept:
        if self.fails:
            self.fails -= 1
            raise SinkUnavailable("away")
        assert table in projection.tables
        self.asked.append((projection.label, table.name, sweep))
        return Swept(1, (7, table.name) if sweep.after is None else None)


async def kept(old: Old, until: float, rounds: int = 1, builds: BuildList | None = None) -> list[float]:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if pauses.count(until) == rounds:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        told = OneBuild() if builds is None else builds
        await RowKeeper(PROJECTIONS, Histories(old, pause), 600, pause, lambda: 1_000.0, told).run()
    return pauses


async def test_every_history_is_gone_over_to_its_end_with_pauses() -> None:
    old = Old()
    assert await kept(old, PACE_S) == [BREATH_S] * len(OLD) + [PACE_S]
    assert {name for _, name, _ in old.asked} == OLD
    for name in OLD:
        sweeps = [sweep for _, asked, sweep in old.asked if asked == name]
        assert sweeps == [Sweep(400_000, ROWS), Sweep(400_000, ROWS, (7, name))]


class Two:
    """Of each read model a build beside the live one."""

    async def of(self, projection: Projection) -> list[Build]:
        return [Build(projection.name, number, number == 2, projection.version) for number in (1, 2)]


async def test_builds_forget_each_for_itself() -> None:
    old = Old()
    await kept(old, PACE_S, builds=Two())
    assert {label for label, name, _ in old.asked if name == "lock_history"} == {"locks", "locks@1"}


async def test_rows_are_counted_as_they_go() -> None:
    labels = {"table": "lock_history", "what": "rows"}
    before = REGISTRY.get_sample_value("tidelock_old_rows_forgotten_total", labels) or 0
    await kept(Old(), PACE_S)
    assert REGISTRY.get_sample_value("tidelock_old_rows_forgotten_total", labels) == before + 2


async def test_a_database_that_is_away_is_asked_again_soon() -> None:
    pauses = await kept(Old(fails=1), PACE_S)
    assert [each for each in pauses if each != BREATH_S] == [AGAIN_S, PACE_S]
