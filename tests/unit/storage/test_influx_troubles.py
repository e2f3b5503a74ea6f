"""A bucket that cannot be made is tried again with the next write to it, whatever becomes of others meanwhile."""

import asyncio
from collections.abc import Sequence
from typing import cast

from storage.influx.api import InfluxForbidden, InfluxSettings
from storage.influx.buckets import InfluxBuckets
from storage.influx.downsampled import DownsampledPoints
from storage.influx.points import InfluxPointStore
from streams.projections.table import Row, Table

TABLE = Table("toys", ("start_ms", "tenant", "total"), key=2)
SETTINGS = InfluxSettings("http://127.0.0.1:1", "org", "tidelock", "token", bucket_per_tenant=True)


class Buckets:
    """Cannot make one of them."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ensure(self, bucket: str) -> None:
        self.asked.append(bucket)
        if bucket == "tidelock.bad":
            raise InfluxForbidden("no")


class Points(InfluxPointStore):
    """Takes all."""

    async def write(self, table: Table, rows: Sequence[Row]) -> None:
        """Do nothing."""


async def test_a_bucket_that_cannot_be_made_is_tried_again_though_others_are_fit() -> None:
    turns = 0

    async def pause(_: float) -> None:
        nonlocal turns
        turns += 1
        await asyncio.sleep(0)

    buckets = Buckets()
    store = DownsampledPoints(Points(SETTINGS), cast(InfluxBuckets, buckets), SETTINGS, pause, lambda: 0.0)
    running = asyncio.create_task(store.run())
    for tenant in ("bad", "good"):
        await store.write(TABLE, [(0, tenant, 1)])
    assert isinstance(store.trouble, InfluxForbidden)
    looked = turns
    async with asyncio.timeout(10):
        while turns < looked + 2:
            await asyncio.sleep(0)
    await store.write(TABLE, [(0, "bad", 1), (0, "good", 1)])
    running.cancel()
    assert buckets.asked.count("tidelock.bad") == 2
    assert buckets.asked.count("tidelock.good") == 1
