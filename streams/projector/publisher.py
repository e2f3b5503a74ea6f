"""Windows to InfluxDB: what changed since the last time, over all partitions, by one projector at a time.

The rows wait in the projection's store, so InfluxDB may be away for as long as it likes. Its points are the same
whenever they are written, so writing them twice changes nothing.
"""

import asyncio

import structlog

from streams.ops.backoff import Backoff, Pause
from streams.projections.ports import PointStore, Publications, RowRefused, SinkUnavailable, Turn, Unpublished
from streams.projections.projection import Points, Projection
from streams.projections.table import Row

WINDOWS = 500
PACE_S = 1.0
"""Between two looks for changed windows."""
TURN_S = 5.0
"""Between two attempts to take the turn that another has."""

_log = structlog.get_logger("tidelock.publisher")


class Publisher:
    """Publishes the points of one read model."""

    def __init__(
        self,
        projection: Projection,
        publications: Publications,
        store: PointStore,
        pause: Pause = asyncio.sleep,
    ) -> None:
        assert projection.points is not None, f"{projection.name} has no points"
        self.projection = projection
        self.has_turn = False
        self.published = 0
        """Points written since the process started."""
        self.refused = 0
        """Points that InfluxDB does not take."""
        self.trouble: Exception | None = None
        self._points: Points = projection.points
        self._publications, self._store, self._pause = publications, store, pause
        self._backoff = Backoff(0.5, 30.0, pause)

    async def run(self) -> None:
        """Publish whenever it is this process's turn, until cancelled."""
        while True:
            try:
                async with self._publications.turn(self.projection) as turn:
                    if turn is not None:
                        self.has_turn = True
                        await self._publish(turn)
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
        while True:
            what = await turn.unpublished(WINDOWS)
            if what.reached:
                await self._write(what)
                await turn.published(what)
            if self.trouble is not None:
                _log.info("points are written again", projection=self.projection.name)
            self.trouble = None
            self._backoff.succeeded()
            if not what.reached:
                await self._pause(PACE_S)

    async def _write(self, what: Unpublished) -> None:
        rows = [self._points.merge(window) for window in what.windows]
        try:
            await self._store.write(self._points.table, rows)
        except RowRefused:
            for row in rows:
                await self._write_one(row)
        else:
            self.published += len(rows)

    async def _write_one(self, row: Row) -> None:
        """Write one of the points of which some are refused; nobody will ever be able to write those."""
        try:
            await self._store.write(self._points.table, [row])
        except RowRefused as error:
            self.refused += 1
            _log.error(
                "a point is refused", projection=self.projection.name, point=repr(row), error=str(error)
            )
        else:
            self.published += 1
