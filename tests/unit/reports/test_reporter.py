"""A process tells of itself at the turn of each ten seconds; what cannot be written waits, in order and bounded."""

import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry, Counter

from streams.projections.ports import BucketsAway, PointsRefused, SinkUnavailable
from streams.projections.table import Row, Table
from streams.reports.outgoing import KEPT_MS, LOST, MAX_ROWS, Outgoing
from streams.reports.reporter import Reporter

TOYS = Table("toys", ("start_ms", "process", "done"), key=2)
WHO = {"process": "worker-0", "role": "worker"}


class Store:
    """Keeps what is written; away for as long as it is told."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.away = 0
        self.refuses: tuple[int, ...] = ()
        self.bucket_away: tuple[int, ...] = ()
        self.asked = 0

    async def write(self, table: Table, rows: Sequence[Row]) -> None:
        self.asked += 1
        if self.away:
            self.away -= 1
            raise SinkUnavailable("away")
        left = [each for each in rows if each[2] in self.bucket_away]
        refused = [each for each in rows if each[2] in self.refuses]
        self.rows += [each for each in rows if each not in left + refused]
        if left:
            raise BucketsAway({"tidelock.acme": left}, refused, "no such bucket")
        if refused:
            raise PointsRefused(refused, "never")


async def no_pause(_: float) -> None:
    await asyncio.sleep(0)


def row(number: int, at_ms: int = 0) -> Row:
    return (at_ms or 10_000 * number, "worker-0", number)


async def rest(store: Store, asked: int) -> None:
    async with asyncio.timeout(30):
        while store.asked < asked:
            await asyncio.sleep(0)


async def sent(store: Store, batches: Sequence[Sequence[Row]], asked: int) -> Store:
    """Write batches; return the store once it has been asked so often."""
    out = Outgoing(TOYS, store, no_pause)
    for batch in batches:
        out.put(batch)
    running = asyncio.create_task(out.run())
    await rest(store, asked)
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    return store


async def test_what_waited_is_written_in_order_when_influxdb_is_back() -> None:
    store = Store()
    store.away = 3
    await sent(store, [[row(1), row(2)], [row(3)]], 4)
    assert store.rows == [row(1), row(2), row(3)]


async def test_what_is_too_old_or_too_much_is_dropped_oldest_first_and_counted() -> None:
    before = LOST._value.get()
    old = [row(1, 10_000), row(2, 20_000)]
    store = await sent(Store(), [old, [row(3, 20_000 + KEPT_MS)]], 1)
    assert [each[2] for each in store.rows] == [2, 3]
    store = await sent(Store(), [[row(number, 1) for number in range(MAX_ROWS + 7)]], 1)
    assert [each[2] for each in store.rows] == list(range(7, MAX_ROWS + 7))
    assert LOST._value.get() - before == 8


async def test_what_is_refused_is_counted_and_all_else_is_written() -> None:
    before, store = LOST._value.get(), Store()
    store.refuses = (2, 3)
    out = Outgoing(TOYS, store, no_pause)
    running = asyncio.create_task(out.run())
    out.put([row(1), row(2), row(3)])
    await rest(store, 1)
    out.put([row(4)])
    await rest(store, 2)
    running.cancel()
    assert store.rows == [row(1), row(4)]
    assert LOST._value.get() - before == 2


async def test_only_points_of_a_bucket_that_is_away_are_written_again() -> None:
    before, store = LOST._value.get(), Store()
    store.bucket_away, store.refuses = (1, 3), (4,)
    out = Outgoing(TOYS, store, no_pause)
    running = asyncio.create_task(out.run())
    out.put([row(1), row(2), row(3), row(4)])
    await rest(store, 3)
    assert store.rows == [row(2)]
    out.put([row(5)])
    await rest(store, store.asked + 2)
    store.bucket_away = ()
    await rest(store, store.asked + 1)
    running.cancel()
    assert store.rows == [row(2), row(5), row(1), row(3)]
    assert LOST._value.get() - before == 1


class Told:
    """A reporter by a clock of the test's own, and what it wrote of dead letters."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.registry, self.store = CollectorRegistry(), Store()
        self.letters = Counter("tidelock_dead_letters", "", ("kind", "stage"), registry=self.registry)
        self.letters.labels("locks", "DECODE").inc(5)
        self.looks = 0
        self.ticks: list[float] = []
        self._ended = asyncio.Event()
        self.reporter = Reporter(
            WHO, self.store, self._look, 10, self.registry, self._pause, lambda: self.now_s
        )

    def _look(self) -> None:
        self.looks += 1
        if self.looks == 2:
            raise RuntimeError("a gauge cannot be set")

    async def _pause(self, seconds: float) -> None:
        """Let the time pass, and letters come."""
        self.ticks.append(seconds)
        if len(self.ticks) > 5:
            self._ended.set()
            await asyncio.Event().wait()
        self.now_s += seconds - (0.001 if len(self.ticks) == 4 else 0)  # once the timer is early
        self.letters.labels("locks", "DECODE").inc()

    async def run(self) -> list[Row]:
        running = asyncio.create_task(self.reporter.run())
        async with asyncio.timeout(30):
            await self._ended.wait()
            while len(self.store.rows) < 3:
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])
        return self.store.rows


async def test_each_ten_seconds_are_told_once_with_what_a_failed_look_had_missed() -> None:
    told = Told()
    rows = await told.run()
    # of five turns the second look failed, and the fourth came a moment early, in a time that was told already
    assert rows == [
        (1_000_000, "worker-0", "locks", "DECODE", 1),
        (1_020_000, "worker-0", "locks", "DECODE", 2),
        (1_030_000, "worker-0", "locks", "DECODE", 2),
    ]
    assert told.ticks[:2] == [10.0, 10.0]


@pytest.mark.parametrize("back_s", [30, 3600])
async def test_a_clock_that_goes_back_a_little_is_waited_for_and_one_that_was_set_is_believed(
    back_s: int,
) -> None:
    told = Told()
    told.looks = 2
    for now_s in (1_010.0, 1_010.0 - back_s):
        told.letters.labels("locks", "DECODE").inc()
        told.now_s = now_s
        await told.reporter.report()
    letters = [each for rows, each in told.reporter._measurements if rows.table.name == "letter_points"]
    times = [each[0] for each in letters[0]._waiting]
    assert times == ([1_000_000] if back_s == 30 else [1_000_000, 1_000_000 - 3_600_000])
