"""`PointStore` whose buckets are there before anything is written, and whose late points are downsampled too."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence

import structlog

from storage.influx.api import InfluxSettings
from storage.influx.buckets import InfluxBuckets
from storage.influx.points import InfluxPointStore
from streams.ops.backoff import Pause
from streams.projections.ports import BucketsAway, SinkUnavailable
from streams.projections.table import Row, Table

LATE_S = 1_800
"""Points that are older when they are written are downsampled by us: the tasks look back an hour."""
PACE_S = 20.0
STRETCH_MS = 6 * 3_600_000
"""Downsampled by one query."""

_log = structlog.get_logger("tidelock.influx")


class DownsampledPoints:
    """Points of one organisation, with all that belongs to them."""

    def __init__(
        self,
        points: InfluxPointStore,
        buckets: InfluxBuckets,
        settings: InfluxSettings,
        pause: Pause = asyncio.sleep,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._points, self._buckets, self._settings = points, buckets, settings
        self._pause, self._now_s = pause, now_s
        self._ensured: set[str] = set()
        self._troubles: dict[str, SinkUnavailable] = {}
        self._late: dict[str, tuple[int, int]] = {}
        """By bucket, the time of late points that were written since the last downsampling, in ms."""

    @property
    def trouble(self) -> SinkUnavailable | None:
        """Why a bucket and its tasks are not as they should be; points are written all the same, if they can be."""
        return next(iter(self._troubles.values()), None)

    async def write(self, table: Table, rows: Sequence[Row]) -> None:
        """Write one point a row; before the first one of a bucket, see that it is there."""
        by_bucket = self._points.by_bucket(table, rows)
        for bucket in by_bucket:
            if bucket not in self._ensured:
                await self._ensure(bucket)
        left: Collection[str] = ()
        try:
            await self._points.write(table, rows)
        except SinkUnavailable as error:
            left = error.left if isinstance(error, BucketsAway) else by_bucket
            raise
        finally:
            time_of = table.columns.index("start_ms")
            for bucket, of_one in by_bucket.items():
                if bucket not in left:
                    self._note(bucket, [row[time_of] for row in of_one])

    async def run(self) -> None:
        """Downsample what came late as soon as no more of it comes; see to what failed; until cancelled.

        The bucket of what is of no tenant is seen to here, for others write to it.
        """
        while True:
            if self._settings.bucket not in self._ensured:
                await self._ensure(self._settings.bucket)
            before = self._late.copy()
            await self._pause(PACE_S)
            for bucket, span in before.items():
                if self._late.get(bucket) == span:
                    await self._downsample(bucket, *span)
            self._ensured.difference_update(self._troubles)  # the next write tries again

    async def close(self) -> None:
        """End the connections."""
        await self._points.close()
        await self._buckets.close()

    async def _ensure(self, bucket: str) -> None:
        """Make the bucket. One that cannot be made may be there, and be written to."""
        try:
            await self._buckets.ensure(bucket)
        except SinkUnavailable as error:
            if str(error) != str(self._troubles.get(bucket)):
                _log.error("buckets are not fit", bucket=bucket, code=error.code, error=str(error))
            self._troubles[bucket] = error
        else:
            self._troubles.pop(bucket, None)
        self._ensured.add(bucket)

    def _note(self, bucket: str, times: list[int]) -> None:
        late = [each for each in times if each < (self._now_s() - LATE_S) * 1000]
        if late:
            first, last = self._late.get(bucket, (late[0], late[0]))
            self._late[bucket] = (min(first, *late), max(last, *late))

    async def _downsample(self, bucket: str, first_ms: int, last_ms: int) -> None:
        """Go on where it ended the next time, if InfluxDB is away."""
        while first_ms <= last_ms:
            end_ms = first_ms - first_ms % STRETCH_MS + STRETCH_MS
            try:
                await self._buckets.downsample(bucket, first_ms, end_ms)
            except SinkUnavailable as error:
                _log.warning("late points are not downsampled yet", bucket=bucket, error=str(error))
                return
            first_ms = end_ms
            self._late[bucket] = (first_ms, last_ms)
        if self._late.get(bucket) == (first_ms, last_ms):
            del self._late[bucket]
