"""`tidelock projection build | diff | promote | rollback | retire`: what is watched, refused, asked and shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from storage.memory.builds import MemoryBuilds
from storage.memory.projections import MemoryProjectionStore
from streams.log.checkpoint import START
from streams.log.positions import PartitionId
from streams.projections.build_errors import BuildBehind, BuildDiffers, BuildIsLive
from streams.projections.builds import NEAR
from streams.projections.locks.tables import LOCK_WAITERS
from streams.projections.projection import Projection
from streams.projections.table import Changes
from tidelock.cli import projection_builds
from tidelock.cli.exits import WrongUse
from tidelock.cli.projection import projection_app
from tidelock.cli.projection_builds import BuildsAt, NobodyBuilds, build, build_named, promote
from tidelock.cli.projection_rebuild import projection_named, standings
from tidelock.cli.projection_view import another_version

LOCKS = projection_named("locks")
NEXT = replace(LOCKS, build=2)
HERE = PartitionId("locks", 0)
END = 5_000


@pytest.fixture(autouse=True)
def ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs of one partition."""

    async def of_kind(_: str, kind: str) -> dict[PartitionId, int]:
        return {PartitionId(kind, 0): END}

    for module in ("projection_builds", "projection_rebuild"):
        monkeypatch.setattr(f"tidelock.cli.{module}.ends_of_kind", of_kind)
    monkeypatch.setattr(projection_builds, "LOOK_S", 0.0)


@pytest.fixture
def at() -> BuildsAt:
    store = MemoryProjectionStore()
    return BuildsAt(MemoryBuilds(store), store)


async def move(at: BuildsAt, projection: Projection, after: int, rows: Sequence[int] = ()) -> None:
    before = (await at.store.positions(projection)).get(HERE, START)
    changes = Changes()
    for ticket in rows:
        changes.insert(LOCK_WAITERS, (0, ticket, *[None] * (len(LOCK_WAITERS.columns) - 2)))
    await at.store.write(projection, HERE, before, replace(START, next_offset=after, time_ms=1), changes)


async def test_a_build_is_watched_until_it_could_be_promoted(at: BuildsAt) -> None:
    await move(at, LOCKS, END)
    steps, positions = [10, 2_000, END - 500], at.store.positions

    async def moving(projection: Projection) -> object:
        if projection.build == 2 and steps:
            await_step = steps.pop(0)
            before = (await positions(NEXT)).get(HERE, START)
            await at.store.write(NEXT, HERE, before, replace(START, next_offset=await_step), Changes())
        return await positions(projection)

    at.store.positions = moving  # type: ignore[method-assign, assignment]
    begun, records = await build("kafka", at, LOCKS, 2, patience_s=30.0, quiet=True)
    assert (begun.label, begun.live, steps) == ("locks@2", False, [])
    assert records > 2_000
    again, _ = await build("kafka", at, LOCKS, 2, patience_s=0.0, quiet=True)
    assert again == begun


async def test_a_build_that_nobody_makes_is_told(at: BuildsAt) -> None:
    await move(at, LOCKS, END)
    with pytest.raises(NobodyBuilds, match="no projector of this release") as caught:
        await build("kafka", at, LOCKS, 2, patience_s=0.0, quiet=True)
    assert caught.value.code == "NO_PROJECTOR"


async def test_what_is_live_is_not_built(at: BuildsAt) -> None:
    with pytest.raises(BuildIsLive, match="locks@2"):
        await build("kafka", at, LOCKS, 1, patience_s=0.0, quiet=True)


async def test_a_build_whose_rows_differ_is_promoted_by_force_alone(at: BuildsAt) -> None:
    await at.builds.begin(LOCKS, 2)
    await move(at, LOCKS, 5, rows=[1, 2])
    await move(at, NEXT, 5, rows=[2, 3])
    with pytest.raises(BuildDiffers, match="2 rows of locks@2") as caught:
        await promote(at, LOCKS, 2, 0.0, force=False)
    assert (caught.value.code, caught.value.rows) == ("BUILD_DIFFERS", 2)
    switched, compared = await promote(at, LOCKS, 2, 0.0, force=True)
    assert (switched.before, switched.after, compared) == (1, 2, None)


async def test_a_build_that_is_like_the_live_one_is_promoted(at: BuildsAt) -> None:
    await at.builds.begin(LOCKS, 2)
    for projection in (LOCKS, NEXT):
        await move(at, projection, 5, rows=[1, 2])
    switched, compared = await promote(at, LOCKS, 2, 0.0, force=False)
    assert compared is not None
    assert (switched.after, compared.rows, compared.positions) == (2, 0, ((0, 5),))
    await move(at, NEXT, 9)
    with pytest.raises(BuildBehind):
        await at.builds.rollback(LOCKS, within_s=0.0, force=False)


async def test_the_list_has_every_build_with_its_own_position(at: BuildsAt) -> None:
    await at.builds.begin(LOCKS, 2)
    await move(at, LOCKS, END)
    await move(at, NEXT, 100)
    listed = [one for one in await standings("kafka", at.store, at.builds) if one.projection == "locks"]
    assert [(one.build, one.live, one.lag) for one in listed] == [(1, True, 0), (2, False, END - 100)]


async def test_the_list_tells_versions_and_what_another_release_keeps(at: BuildsAt) -> None:
    before = replace(LOCKS, version=LOCKS.version - 1)
    await move(at, before, 300)
    await at.builds.begin(LOCKS, 2)
    await move(at, NEXT, 100)
    listed = [one for one in await standings("kafka", at.store, at.builds) if one.projection == "locks"]
    assert [(one.build, one.version, one.own_version, one.lag) for one in listed] == [
        (1, LOCKS.version - 1, LOCKS.version, END - 300),
        (2, LOCKS.version, LOCKS.version, END - 100),
    ]
    assert "tidelock projection build locks@2" in another_version(listed[0], listed)
    assert "tidelock projection build locks@2" in another_version(listed[0], listed[:1])
    assert "tidelock" not in another_version(replace(listed[0], version=9), listed)


async def test_a_raised_version_is_watched_until_it_has_what_the_live_one_has(at: BuildsAt) -> None:
    await move(at, replace(LOCKS, version=LOCKS.version - 1), END)
    await at.builds.begin(LOCKS, 2)
    await move(at, NEXT, 10)
    with pytest.raises(NobodyBuilds, match="TIDELOCK_PROJECTOR_BESIDE"):
        await build("kafka", at, LOCKS, 2, patience_s=0.0, quiet=True)
    await move(at, NEXT, END - NEAR)
    await build("kafka", at, LOCKS, 2, patience_s=0.0, quiet=True)


async def test_a_raised_version_is_promoted_with_other_rows_but_never_with_less(at: BuildsAt) -> None:
    await move(at, replace(LOCKS, version=LOCKS.version - 1), 5, rows=[1, 2])
    await at.builds.begin(LOCKS, 2)
    await move(at, NEXT, 4, rows=[2])
    with pytest.raises(BuildBehind):
        await promote(at, LOCKS, 2, 0.0, force=False)
    await move(at, NEXT, 5, rows=[3])
    switched, compared = await promote(at, LOCKS, 2, 0.0, force=False)
    assert (switched.after, compared) == (2, None)


NO_BUILDS = ("locks", "locks@", "locks@x", "locks@0", "locks@-1", "nothing@2", "locks@99999999999")


@pytest.mark.parametrize("text", NO_BUILDS)
def test_what_names_no_build_is_told(text: str) -> None:
    with pytest.raises(WrongUse, match=r"There is no projection|locks@N"):
        build_named(text)


def test_a_build_is_named_by_read_model_and_number() -> None:
    assert build_named("locks@7") == (LOCKS, 7)


@pytest.mark.parametrize("command", [["promote", "locks@2"], ["retire", "locks@2"], ["rollback", "locks"]])
def test_nothing_is_changed_where_nobody_can_be_asked(tmp_path: Path, command: list[str]) -> None:
    ran = CliRunner().invoke(projection_app, [*command, "--home", str(tmp_path)])
    assert isinstance(ran.exception, WrongUse)
    assert "--yes" in str(ran.exception)
