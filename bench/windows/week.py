"""A week of points of all kinds: made up, but shaped like real ones. Few names are busy, the others now and then."""

from collections.abc import Iterator
from itertools import chain, islice
from random import Random
from typing import Final

from storage.influx.buckets import InfluxBuckets
from storage.influx.points import BATCH, InfluxPointStore
from streams.projections.caches.windows import CacheCounts
from streams.projections.locks.windows import LockCounts
from streams.projections.measures import Counts, Measures
from streams.projections.nodes.windows import NodeCounts
from streams.projections.queues.windows import QueueCounts
from streams.projections.table import Row, Table

WINDOW_MS: Final = 10_000
WEEK_MS: Final = 7 * 86_400_000
STRETCH_MS: Final = 86_400_000
"""Downsampled by one query."""
TENANTS: Final = 4
PARTITIONS: Final = 4
BUSIEST: Final = 20
"""The name of rank n has a point every n + 20 windows."""


async def fill(store: InfluxPointStore, buckets: InfluxBuckets, bucket: str, end_ms: int, names: int) -> int:
    """Write the week before `end_ms`, downsample it as the product does, and return how many points were written."""
    start_ms, written = end_ms - WEEK_MS, 0
    await buckets.ensure(bucket)
    for table, rows in _all(start_ms, end_ms, names):
        while batch := list(islice(rows, BATCH)):
            await store.write(table, batch)
            written += len(batch)
    for stretch_ms in range(start_ms, end_ms, STRETCH_MS):
        await buckets.downsample(bucket, stretch_ms, stretch_ms + STRETCH_MS)
    return written


def _all(start_ms: int, end_ms: int, names: int) -> Iterator[tuple[Table, Iterator[Row]]]:
    tenants = [(f"tenant-{number}",) for number in range(TENANTS)]
    named = [(f"tenant-{number % TENANTS}", f"name-{number}") for number in range(names)]
    of_tenants: tuple[type[Counts], ...] = (LockCounts, NodeCounts)
    of_names: tuple[type[Counts], ...] = (QueueCounts, CacheCounts)
    for counts in (*of_tenants, *of_names):
        keys = tenants if counts in of_tenants else named
        partitions = range(PARTITIONS) if counts in of_tenants else range(1)
        series = [
            (key, range(start_ms + WINDOW_MS * (rank % 7), end_ms, WINDOW_MS * (rank + BUSIEST)))
            for rank, key in enumerate(keys)
        ]
        chance, measures = Random(1), counts.measures
        yield (
            measures.points,
            chain.from_iterable(
                ((at_ms, *key, *_measured(measures, chance)) for at_ms in times) for key, times in series
            ),
        )
        yield (
            measures.gauge_points,
            chain.from_iterable(
                ((at_ms, *key, each, *_stood(measures, chance, at_ms)) for at_ms in times)
                for key, times in series
                for each in partitions
            ),
        )


def _measured(measures: Measures, chance: Random) -> Iterator[float]:
    yield from (chance.randrange(100) for _ in measures.counters)
    for _ in measures.sketches:
        p50 = chance.random() * 20
        yield from (chance.randrange(1, 100), p50, p50 * 4, p50 * 9)


def _stood(measures: Measures, chance: Random, at_ms: int) -> Iterator[int]:
    for name in measures.gauges:
        yield at_ms - chance.randrange(60_000) if name.endswith("_ms") else chance.randrange(100)
