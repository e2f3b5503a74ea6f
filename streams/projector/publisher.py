"""Windows to InfluxDB: what changed since the last time, over all partitions, by one projector at a time.

The rows wait in the projection's store while InfluxDB is away, until they are forgotten by their age (`keeper`). Its
points are the same whenever they are written, so writing them twice changes nothing.

Where a tenant's bucket is away, the others' points go on, and the mark of what is out stays: once one point of that
tenant can be written again, all is gone over again from there.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from streams.ops.backoff import Backoff, Pause
from streams.ops.series import OTHER
from streams.projections.ports import (
    BucketsAway,
    OfAnotherRelease,
    PointsRefused,
    PointStore,
    Publications,
    SinkUnavailable,
    Turn,
    Unpublished,
)
from streams.projections.projection import Points, Projection
from streams.projections.table import Row, Table

WINDOWS = 500
PACE_S = 1.0
"""Between two looks for changed windows."""
SLACK_S = 300
"""Windows that would be too old for InfluxDB in so long are not sent any more."""
TURN_S = 5.0
"""Between two attempts to take the turn that another has."""
AWAY_S: Final = 30.0
"""Between two attempts to write to a bucket that was away."""
TOLD: Final = 10
"""Points refused at once that the log shows."""

_log = structlog.get_logger("tidelock.publisher")


class Publisher:
    """Publishes the points of one read model."""

    def __init__(
        self,
        projection: Projection,
        publications: Publications,
        store: PointStore,
        pause: Pause = asyncio.sleep,
        kept_s: int = 0,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        assert projection.points is not None, f"{projection.name} has no points"
        self.projection = projection
        self.has_turn = False
        self.published = 0
        """Points written since the process started."""
        self.refused = 0
        """Points that InfluxDB does not take."""
        self.too_old = 0
        """Windows that began longer ago than points are kept: InfluxDB would refuse the whole batch for them."""
        self.others = 0
        """Names in the newest windows that are told together, as their tenants have too many."""
        self.trouble: Exception | None = None
        self._kept_s, self._now_s = kept_s, now_s
        self._points: Points = projection.points
        self._publications, self._store, self._pause = publications, store, pause
        self._backoff = Backoff(0.5, 30.0, pause)
        self._away: dict[str, tuple[Table, Row]] = {}
        """By bucket that is away, one of the points that it lacks."""
        self._ahead: dict[int, int] = {}
        """By partition, up to where all is out but for those buckets."""
        self._again_s = 0.0

    async def run(self) -> None:
        """Publish whenever it is this process's turn, until cancelled."""
        while True:
            try:
                async with self._publications.turn(self.projection) as turn:
                    if turn is not None:
                        self.has_turn = True
                        await self._publish(turn)
            except OfAnotherRelease as error:
                _log.info("points are another release's", projection=self.projection.name, why=str(error))
                self.trouble = None
                await self._pause(TURN_S)
            except SinkUnavailable as error:
                if self.trouble is None:
                    _log.warning("points wait", projection=self.projection.name, error=str(error))
                self.trouble = error
                await self._backoff.pause()
            else:
                await self._pause(TURN_S)
            finally:
                self.has_turn = False

    async def _publish(self, turn: Turn) -> None:
        self._away, self._ahead = {}, {}
        while True:
            await self._look_again()
            what = await turn.unpublished(WINDOWS, self._ahead)
            if what.reached:
                await self._write(what)
                if self._away:
                    self._ahead.update(what.reached)
                else:
                    await turn.published(what)
            if not self._away:
                if self.trouble is not None:
                    _log.info("points are written again", projection=self.projection.name)
                self.trouble = None
            self._backoff.succeeded()
            if not what.reached:
                await self._pause(PACE_S)

    async def _write(self, what: Unpublished) -> None:
        fresh = self._fresh(what.windows)
        self._tell_others(what.others)
        for series in self._points.series:
            rows = [row for window in fresh for row in series.of(window)]
            self.published += len(rows) - await self._unwritten(series.table, rows)

    async def _unwritten(self, table: Table, rows: Sequence[Row]) -> int:
        """Write rows; return how many of them are not."""
        try:
            await self._store.write(table, rows)
        except BucketsAway as error:
            self._leave(table, error)
            self._refuse(error.refused, error)
            return len(error.refused) + sum(map(len, error.left.values()))
        except PointsRefused as error:
            self._refuse(error.rows, error)
            return len(error.rows)
        return 0

    def _leave(self, table: Table, error: BucketsAway) -> None:
        """Go on without these buckets."""
        if not self._away:
            self._again_s = self._now_s() + AWAY_S
        new = [bucket for bucket in error.left if bucket not in self._away]
        if new:
            _log.warning(
                "points of some tenants wait", projection=self.projection.name, buckets=new, error=str(error)
            )
        self._away.update((bucket, (table, error.left[bucket][0])) for bucket in new)
        self.trouble = error

    async def _look_again(self) -> None:
        """Begin again from the mark if a bucket that was away takes a point."""
        if not self._away or self._now_s() < self._again_s:
            return
        self._again_s = self._now_s() + AWAY_S
        for table, row in tuple(self._away.values()):
            with suppress(BucketsAway):
                with suppress(PointsRefused):
                    await self._store.write(table, [row])
                self._away, self._ahead = {}, {}
                return

    def _fresh(self, windows: Sequence[Sequence[Row]]) -> Sequence[Sequence[Row]]:
        """Return the windows whose points are still kept, `kept_s` (0: for ever) less some minutes for the way."""
        if not self._kept_s:
            return windows
        start, oldest_ms = self._points.windows.key - 1, (self._now_s() - self._kept_s + SLACK_S) * 1000
        fresh = [window for window in windows if window[0][start] >= oldest_ms]
        self.too_old += len(windows) - len(fresh)
        return fresh

    def _tell_others(self, others: int) -> None:
        if others and not self.others:
            _log.warning(
                "names share one series, as their tenant has too many",
                projection=self.projection.name, series=OTHER, names=others,
            )  # fmt: skip
        self.others = others

    def _refuse(self, rows: Sequence[Row], error: Exception) -> None:
        """Count points that nobody will ever be able to write."""
        self.refused += len(rows)
        if rows:
            _log.error(
                "points are refused",
                projection=self.projection.name, count=len(rows), points=[repr(row) for row in rows[:TOLD]],
                error=str(error),
            )  # fmt: skip
