"""A week of points of all kinds: made up, but shaped like real ones. Few names are busy, the others now and then."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from random import Random
from typing import Final, TypeAlias

from storage.influx.downsampling import HOURS, once
from storage.influx.points import BATCH, InfluxPointStore
from streams.projections.caches.windows import CacheCounts
from streams.projections.locks.windows import LockCounts
from streams.projections.measures import Counts, Measures
from streams.projections.nodes.windows import NodeCounts
from streams.projections.queues.windows import QueueCounts
from streams.projections.table import Row, Table
from streams.read_models import PROJECTIONS

WINDOW_MS: Final = 10_000
WEEK_MS: Final = 7 * 86_400_000
HOUR_MS: Final = 3_600_000
MARGIN_MS: Final = HOUR_MS
"""The first hour is left out: points that grow too old while the week is written would be refused."""
DAY_MS: Final = 86_400_000
IN_FLIGHT: Final = 2
"""Requests at a time."""
TENANTS: Final = 4
PARTITIONS: Final = 4
BUSIEST: Final = 20
"""The name of rank n has a point every n + 20 windows."""
SERIES: Final = tuple(each for one in PROJECTIONS if one.points is not None for each in one.points.series)
Run: TypeAlias = Callable[[str], Awaitable[object]]
"""Runs a query."""


async def fill(
    store: InfluxPointStore, run: Run, bucket: str, end_ms: int, names: int, say: Callable[[str], None]
) -> int:
    """Write the week before `end_ms` and its hours, and return how many points were written.

    Hours are made by the product's own query, but of points of ten seconds: minutes are in no panel of seven days, and
    to make a week of them takes five times as long.
    """
    start_ms = end_ms - WEEK_MS + MARGIN_MS
    batches = _batches(start_ms, end_ms, names)
    written = sum(await asyncio.gather(*[_write(store, batches, say) for _ in range(IN_FLIGHT)]))
    hours = replace(HOURS, source="", suffixed=False)
    for day, day_ms in enumerate(range(start_ms - start_ms % HOUR_MS, end_ms, DAY_MS), 1):
        say(f"panels: hours of day {day}")
        await run(once(hours, bucket, SERIES, day_ms, min(day_ms + DAY_MS, end_ms)))
    return written


async def _write(
    store: InfluxPointStore, batches: Iterator[tuple[str, Table, list[Row]]], say: Callable[[str], None]
) -> int:
    written = 0
    for where, table, batch in batches:
        say(f"panels: writing the week: {where}")
        await store.write(table, batch)
        written += len(batch)
    return written


def _batches(start_ms: int, end_ms: int, names: int) -> Iterator[tuple[str, Table, list[Row]]]:
    """Return the points of all tables in requests, and how far that is."""
    tables = list(_all(start_ms, end_ms, names))
    for number, (table, rows) in enumerate(tables, 1):
        sent = 0
        while batch := list(islice(rows, BATCH)):
            sent += len(batch)
            yield f"{table.name}, table {number} of {len(tables)}, {sent} points", table, batch


def _all(start_ms: int, end_ms: int, names: int) -> Iterator[tuple[Table, Iterator[Row]]]:
    tenants = [(f"tenant-{number}",) for number in range(TENANTS)]
    named = [(f"tenant-{number % TENANTS}", f"name-{number}") for number in range(names)]
    of_tenants: tuple[type[Counts], ...] = (LockCounts, NodeCounts)
    of_names: tuple[type[Counts], ...] = (QueueCounts, CacheCounts)
    for counts in (*of_tenants, *of_names):
        keys: Sequence[tuple[str, ...]] = tenants if counts in of_tenants else named
        partitions = range(PARTITIONS) if counts in of_tenants else range(1)
        series = [
            (key, range(start_ms + WINDOW_MS * (rank % 7), end_ms, WINDOW_MS * (rank + BUSIEST)))
            for rank, key in enumerate(keys)
        ]
        yield counts.measures.points, _points(counts.measures, series)
        yield counts.measures.gauge_points, _gauges(counts.measures, series, partitions)


_Series: TypeAlias = Sequence[tuple[tuple[str, ...], range]]
"""Keys, and when each has a point."""


def _points(measures: Measures, series: _Series) -> Iterator[Row]:
    chance = Random(1)
    for key, times in series:
        for at_ms in times:
            yield (at_ms, *key, *_measured(measures, chance))


def _gauges(measures: Measures, series: _Series, partitions: range) -> Iterator[Row]:
    chance = Random(1)
    for key, times in series:
        for partition in partitions:
            for at_ms in times:
                yield (at_ms, *key, partition, *_stood(measures, chance, at_ms))


def _measured(measures: Measures, chance: Random) -> Iterator[float]:
    yield from (chance.randrange(100) for _ in measures.counters)
    for _ in measures.sketches:
        p50 = chance.random() * 20
        yield from (chance.randrange(1, 100), p50, p50 * 4, p50 * 9)


def _stood(measures: Measures, chance: Random, at_ms: int) -> Iterator[int]:
    for name in measures.gauges:
        yield at_ms - chance.randrange(60_000) if name.endswith("_ms") else chance.randrange(100)
