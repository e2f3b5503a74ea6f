"""`tidelock projection`: what is shown, what is asked, and what a rebuild waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from storage.memory.builds import MemoryBuilds
from storage.memory.copies import MemoryHotStore
from storage.memory.projections import MemoryProjectionStore
from streams.log.checkpoint import START
from streams.log.positions import PartitionId
from streams.projections.hot import HotCopy, HotPlace, hot_copy
from streams.projections.ports import Copied
from streams.projections.table import Changes
from streams.read_models import PROJECTIONS
from tidelock.cli import projection_rebuild, projection_view, show
from tidelock.cli.exits import WrongUse
from tidelock.cli.projection import projection_app
from tidelock.cli.projection_hot import NoCopies, copies_rebuilt
from tidelock.cli.projection_rebuild import NothingMoves, Standing, projection_named, rebuilt, standings

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
    found = {
        (one.projection, one.partition): one for one in await standings("kafka", store, MemoryBuilds(store))
    }
    assert len(found) == 2 * len(PROJECTIONS)
    behind, empty = found["locks", "locks/0"], found["locks", "locks/1"]
    assert (behind.position, behind.lag) == ("locks/0@6", 3)
    assert behind.lag_s > 1e6
    assert (empty.position, empty.lag, empty.lag_s) == (None, 4, 0.0)


def test_a_build_is_a_row_with_the_lag_of_all_its_partitions_in_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(show.out, "width", 80)
    found = [
        Standing("locks", 1, True, 2, 2, "locks/0", "locks/0@9", 1_000, 2.5, ("locks", "lock_waiters")),
        Standing("locks", 1, True, 2, 2, "locks/1", "locks/1@9", 234, 0.5, ("locks", "lock_waiters")),
        Standing("locks", 2, False, 2, 2, "locks/0", None, 0, 0.0, ("locks", "lock_waiters")),
    ]
    projection_view.builds(found)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1:] == [
        ["locks@1", "v2", "yes", "2", "1,234", "2.5", "locks,", "lock_waiters"],
        ["locks@2", "v2", "-", "1", "0", "-", "locks,", "lock_waiters"],
    ]
    projection_view.partitions(found)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[2] == ["locks@1", "v2", "yes", "locks/1", "locks/1@9", "234", "0.5"]


def test_an_unknown_read_model_is_told_with_those_there_are() -> None:
    with pytest.raises(WrongUse, match="locks, audit"):
        projection_named("nothing")


def test_nothing_is_emptied_where_nobody_can_be_asked(tmp_path: Path) -> None:
    ran = CliRunner().invoke(projection_app, ["rebuild", "audit", "--home", str(tmp_path)])
    assert isinstance(ran.exception, WrongUse)
    assert "--yes" in str(ran.exception)


class ForgetfulHotStore(MemoryHotStore):
    """A projector beside it builds one copy anew at each look."""

    def __init__(self, ends: dict[PartitionId, int]) -> None:
        super().__init__()
        self.left = [(hot_copy(LOCKS, where), end) for where, end in ends.items()]

    async def get(self, asked: Mapping[HotCopy, Sequence[str]]) -> Mapping[HotCopy, Copied]:
        found = await super().get(asked)
        if self.left:
            copy, end = self.left.pop()
            await self.replace(copy, HotPlace(end), {})
        return found


async def test_hot_copies_are_rebuilt_when_each_is_as_far_as_the_rows_were() -> None:
    store, told = MemoryProjectionStore(), list[tuple[int, int]]()
    for where, end in ENDS.items():
        await move(store, where, 0, end)
    hot = ForgetfulHotStore(ENDS)
    for where in ENDS:
        await hot.replace(hot_copy(LOCKS, where), HotPlace(1_000), {"wrong": "row"})
    assert await copies_rebuilt(store, hot, LOCKS, lambda *at: told.append(at), patience_s=30.0) == 2
    assert told == [(0, 2), (1, 2), (2, 2)]
    assert hot.copies == {hot_copy(LOCKS, where): (end, {}) for where, end in ENDS.items()}


async def test_hot_copies_that_nobody_builds_are_told() -> None:
    store = MemoryProjectionStore()
    await move(store, PartitionId("locks", 0), 0, 7)
    with pytest.raises(NoCopies, match="TIDELOCK_REDIS"):
        await copies_rebuilt(store, MemoryHotStore(), LOCKS, lambda *_: None, patience_s=0.0)


def test_a_read_model_without_hot_copies_is_told_with_those_that_have_some(tmp_path: Path) -> None:
    ran = CliRunner().invoke(projection_app, ["rebuild", "audit", "--hot", "--home", str(tmp_path)])
    assert isinstance(ran.exception, WrongUse)
    assert "locks, queues, caches, nodes" in str(ran.exception)
