"""`tidelock projection`: what is shown, what is asked, and what a rebuild waits for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from storage.memory.projections import MemoryProjectionStore
from streams.log.checkpoint import START
from streams.log.positions import PartitionId
from streams.projections.table import Changes
from streams.read_models import PROJECTIONS
from tidelock.cli import projection_rebuild
from tidelock.cli.exits import WrongUse
from tidelock.cli.projection import projection_app
from tidelock.cli.projection_rebuild import NothingMoves, projection_named, rebuilt, standings

LOCKS = projection_named("locks")
ENDS = {PartitionId("locks", 0): 10, PartitionId("locks", 1): 4}


async def move(store: MemoryProjectionStore, where: PartitionId, before: int, after: int) -> None:
    places = [START if at == 0 else replace(START, next_offset=at, time_ms=1_000) for at in (before, after)]
    await store.write(LOCKS, where, places[0], places[1], Changes())


async def test_a_rebuild_is_done_when_every_partition_has_what_its_log_had() -> None:
    store, told = MemoryProjectionStore(), list[tuple[int, int]]()
    steps = [
        (PartitionId("locks", 1), 0, 4),
        (PartitionId("locks", 0), 0, 7),
        (PartitionId("locks", 0), 7, 12),
    ]
    positions = store.positions

    async def moving(projection: object) -> object:
        found = await positions(LOCKS)
        if steps:
            await move(store, *steps.pop(0))
        return found

    store.positions = moving  # type: ignore[method-assign, assignment]
    await rebuilt(store, LOCKS, ENDS, lambda done, total: told.append((done, total)), patience_s=30.0)
    assert told == [(0, 14), (4, 14), (11, 14), (14, 14)]


async def test_a_rebuild_that_nobody_does_is_told() -> None:
    with pytest.raises(NothingMoves, match="no projector seems to be running"):
        await rebuilt(MemoryProjectionStore(), LOCKS, ENDS, lambda *_: None, patience_s=0.0)


async def test_how_far_each_read_model_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ends(_: str, kind: str) -> dict[PartitionId, int]:
        return ENDS

    monkeypatch.setattr(projection_rebuild, "ends_of_kind", ends)
    store = MemoryProjectionStore()
    await move(store, PartitionId("locks", 0), 0, 7)
    found = {(one.projection, one.partition): one for one in await standings("kafka", store)}
    assert len(found) == 2 * len(PROJECTIONS)
    behind, empty = found["locks", "locks/0"], found["locks", "locks/1"]
    assert (behind.position, behind.lag) == ("locks/0@6", 3)
    assert behind.lag_s > 1e6
    assert (empty.position, empty.lag, empty.lag_s) == (None, 4, 0.0)


def test_an_unknown_read_model_is_told_with_those_there_are() -> None:
    with pytest.raises(WrongUse, match="locks, audit"):
        projection_named("nothing")


def test_nothing_is_emptied_where_nobody_can_be_asked(tmp_path: Path) -> None:
    ran = CliRunner().invoke(projection_app, ["rebuild", "audit", "--home", str(tmp_path)])
    assert isinstance(ran.exception, WrongUse)
    assert "--yes" in str(ran.exception)
