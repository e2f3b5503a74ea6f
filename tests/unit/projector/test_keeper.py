"""Old windows are forgotten, and those that nobody published are counted and told."""

import asyncio

import pytest
from structlog.testing import capture_logs

from streams.projections.build_errors import NoSuchBuild
from streams.projections.builds import Build, BuildList, OneBuild
from streams.projections.ports import Forgotten, SinkError, SinkUnavailable
from streams.projections.projection import Projection
from streams.projector.keeper import ROWS, WindowKeeper
from tests.unit.projector.test_publisher import MODEL


class Aged:
    """Windows that are too old."""

    def __init__(self, *batches: Forgotten | SinkError) -> None:
        self.batches = list(batches)
        self.asked: list[int] = []

    async def forget(self, projection: Projection, before_ms: int, limit: int) -> Forgotten:
        assert (projection, limit) == (MODEL, ROWS)
        self.asked.append(before_ms)
        batch = self.batches.pop(0) if self.batches else Forgotten(0, 0)
        if isinstance(batch, SinkError):
            raise batch
        return batch


async def kept(aged: Aged, rounds: int, builds: BuildList | None = None) -> WindowKeeper:
    async def pause(_: float) -> None:
        nonlocal rounds
        rounds -= 1
        if not rounds:
            raise asyncio.CancelledError

    told = OneBuild() if builds is None else builds
    keeper = WindowKeeper([MODEL], aged, 600, pause, now_s=lambda: 1_000.0, builds=told)
    with pytest.raises(asyncio.CancelledError):
        await keeper.run()
    return keeper


async def test_all_that_is_too_old_goes_batch_by_batch() -> None:
    aged = Aged(Forgotten(ROWS, 0), Forgotten(ROWS, 0), Forgotten(7, 0))
    with capture_logs() as logs:
        keeper = await kept(aged, 1)
    assert keeper.forgotten["toy"] == Forgotten(2 * ROWS + 7, 0)
    assert aged.asked == [400_000] * 3
    assert logs == []


async def test_what_nobody_published_is_told_once_a_round() -> None:
    with capture_logs() as logs:
        keeper = await kept(Aged(Forgotten(ROWS, 5), Forgotten(3, 2), Forgotten(1, 1)), 2)
    assert keeper.forgotten["toy"] == Forgotten(ROWS + 4, 8)
    assert [line["windows"] for line in logs] == [7, 1]


@pytest.mark.parametrize(
    "error", [SinkUnavailable("away"), NoSuchBuild("toy", 2, [1])], ids=["away", "retired"]
)
async def test_a_database_that_is_away_and_a_build_that_was_retired_are_passed_by(error: SinkError) -> None:
    keeper = await kept(Aged(error, Forgotten(2, 0)), 2)
    assert keeper.forgotten["toy"] == Forgotten(2, 0)


class OfAnotherRelease:
    """The live build is of the release before."""

    async def of(self, projection: Projection) -> list[Build]:
        return [Build(projection.name, 1, live=True, version=projection.version - 1)]


async def test_windows_of_another_release_are_left_to_it() -> None:
    aged = Aged(Forgotten(3, 0))
    assert (await kept(aged, 1, OfAnotherRelease())).forgotten["toy"] == Forgotten(0, 0)
    assert aged.asked == []
