"""The publisher: one at a time, nothing lost while the points' store is away, what is refused is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from streams.projections.ports import NOWHERE, BucketsAway, PointsRefused, SinkUnavailable, Unpublished
from streams.projections.projection import Points, Projection, Series
from streams.projections.table import Row, Table
from streams.projector.publisher import AWAY_S, SLACK_S, Publisher
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

    async def unpublished(self, limit: int, beyond: Mapping[int, int] = NOWHERE) -> Unpublished:
        if self.away:
            raise self.away.pop()
        return next((one for one in self.left if one.reached[0] > beyond.get(0, -1)), Unpublished((), {}))

    async def published(self, what: Unpublished) -> None:
        assert self.left.pop(0) is what


class Written:
    """Points that were written, by time."""

    def __init__(self) -> None:
        self.points: dict[int, int] = {}
        self.away: list[SinkUnavailable] = []
        self.refuses: int | None = None
        self.bucket_away: set[int] = set()
        self.asked = 0

    async def write(self, table: Table, rows: Sequence[Row]) -> None:
        assert table is POINTS
        if self.away:
            raise self.away.pop()
        self.asked += 1
        left = [row for row in rows if row[0] in self.bucket_away]
        refused = [row for row in rows if row[0] == self.refuses]
        self.points.update(row for row in rows if row not in left + refused)
        if left:
            raise BucketsAway({"tidelock.acme": left}, refused, "no such bucket")
        if refused:
            raise PointsRefused(refused, "malformed")


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


async def test_a_bucket_that_is_away_keeps_up_no_other_and_lacks_nothing_in_the_end() -> None:
    waiting, written, now_s = Waiting(6), Written(), 0.0
    written.bucket_away, written.refuses = {1, 3}, 4
    one = Publisher(MODEL, waiting, written, at_once()[0], now_s=lambda: now_s)
    task = asyncio.create_task(one.run())
    await until(lambda: 5 in written.points)
    assert sorted(written.points) == [0, 2, 5]
    assert [each.reached[0] for each in waiting.left] == [
        1,
        2,
        3,
        4,
        5,
    ]  # the mark stays where the first is missing
    assert isinstance(one.trouble, BucketsAway)
    assert (one.published, one.refused) == (3, 1)
    asked, now_s = written.asked, AWAY_S + 1
    await until(lambda: written.asked > asked)
    assert sorted(written.points) == [0, 2, 5]
    written.bucket_away, now_s = set(), 2 * AWAY_S + 2
    await until(lambda: not waiting.left and one.trouble is None)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sorted(written.points) == [0, 1, 2, 3, 5]
