"""The publisher: one at a time, nothing lost while the points' store is away, what is refused is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from streams.projections.ports import RowRefused, SinkUnavailable, Unpublished
from streams.projections.projection import Points, Projection, Series
from streams.projections.table import Row, Table
from streams.projector.publisher import SLACK_S, Publisher
from tests.unit.projector.toy import ToyFold, at_once, until

WINDOWS = Table("windows", ("partition", "start_ms", "count", "changed_offset"), key=2)
POINTS = Table("points", ("start_ms", "count"), key=1)


def merged(rows: Sequence[Row]) -> list[Row]:
    return [(rows[0][1], sum(row[2] for row in rows))]


MODEL = Projection("toy", 1, "locks", (WINDOWS,), ToyFold, points=Points(WINDOWS, (Series(POINTS, merged),)))


class Waiting:
    """Windows that wait to be published, and whose turn it is."""

    def __init__(self, windows: int) -> None:
        self.left = [
            Unpublished((((0, at, 2, at), (1, at, 3, at)),), {0: at, 1: at}) for at in range(windows)
        ]
        self.taken = False
        self.away: list[SinkUnavailable] = []

    @asynccontextmanager
    async def turn(self, _: Projection) -> AsyncIterator[Waiting | None]:
        if self.taken:
            yield None
            return
        self.taken = True
        try:
            yield self
        finally:
            self.taken = False

    async def unpublished(self, limit: int) -> Unpublished:
        if self.away:
            raise self.away.pop()
        return self.left[0] if self.left else Unpublished((), {})

    async def published(self, what: Unpublished) -> None:
        assert self.left.pop(0) is what


class Written:
    """Points that were written, by time."""

    def __init__(self) -> None:
        self.points: dict[int, int] = {}
        self.away: list[SinkUnavailable] = []
        self.refuses: int | None = None

    async def write(self, table: Table, rows: Sequence[Row]) -> None:
        assert table is POINTS
        if self.away:
            raise self.away.pop()
        for start_ms, count in rows:
            if start_ms == self.refuses:
                raise RowRefused("malformed")
            self.points[start_ms] = count


async def published(waiting: Waiting, written: Written, publishers: int = 1) -> list[Publisher]:
    made = [Publisher(MODEL, waiting, written, at_once()[0]) for _ in range(publishers)]
    tasks = [asyncio.create_task(one.run()) for one in made]
    await until(lambda: not waiting.left and all(one.trouble is None for one in made))
    assert sum(one.has_turn for one in made) == 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return made


async def test_windows_of_all_partitions_become_one_point() -> None:
    written = Written()
    (one,) = await published(Waiting(5), written)
    assert written.points == dict.fromkeys(range(5), 5)
    assert (one.published, one.refused) == (5, 0)


async def test_two_projectors_take_turns() -> None:
    written = Written()
    made = await published(Waiting(9), written, publishers=2)
    assert written.points == dict.fromkeys(range(9), 5)
    assert sum(one.published for one in made) == 9


async def test_what_is_away_is_waited_for_and_loses_nothing() -> None:
    waiting, written = Waiting(5), Written()
    waiting.away, written.away = [SinkUnavailable("pg")] * 3, [SinkUnavailable("influx")] * 3
    (one,) = await published(waiting, written)
    assert written.points == dict.fromkeys(range(5), 5)
    assert one.trouble is None


async def test_a_point_that_is_refused_is_counted_and_the_others_are_written() -> None:
    written = Written()
    written.refuses = 3
    (one,) = await published(Waiting(5), written)
    assert sorted(written.points) == [0, 1, 2, 4]
    assert (one.published, one.refused) == (4, 1)


async def test_windows_older_than_points_are_kept_are_passed_by_and_counted() -> None:
    waiting, written = Waiting(5), Written()
    one = Publisher(MODEL, waiting, written, at_once()[0], kept_s=600, now_s=lambda: 0.0025 + 600 - SLACK_S)
    task = asyncio.create_task(one.run())
    await until(lambda: not waiting.left)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sorted(written.points) == [3, 4]
    assert (one.published, one.too_old, one.refused) == (2, 3, 0)
