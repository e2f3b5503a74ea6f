"""The points of one measurement on their way: those of a while wait in memory while InfluxDB is away."""

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from typing import Final

import structlog
from prometheus_client import Counter

from streams.ops.backoff import Backoff, Pause
from streams.projections.ports import BucketsAway, PointsRefused, PointStore, SinkUnavailable
from streams.projections.table import Row, Table

KEPT_MS: Final = 1_800_000
"""Older ones are dropped: what downsamples looks back an hour."""
MAX_ROWS: Final = 20_000
LOST = Counter("tidelock_reports_lost_total", "Points of this process that never came to InfluxDB")
_log = structlog.get_logger("tidelock.reports")


class Outgoing:
    """What waits, oldest first."""

    def __init__(self, table: Table, store: PointStore, pause: Pause = asyncio.sleep) -> None:
        self._table, self._store = table, store
        self._waiting: deque[Row] = deque()
        self._some = asyncio.Event()
        self._backoff = Backoff(0.5, 30.0, pause)

    def put(self, rows: Sequence[Row]) -> None:
        """Have them written. Those that are too old, or too many, are dropped and counted."""
        self._waiting += rows
        self._drop()

    async def run(self) -> None:
        """Write what waits, until cancelled."""
        while True:
            await self._some.wait()
            some = tuple(self._waiting)
            self._waiting.clear()
            left = await self._left_of(some)
            if left:
                self._waiting.extendleft(reversed(left))
                self._drop()
                await self._backoff.pause()
            if not self._waiting:
                self._some.clear()

    async def _left_of(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Write; return what is to be written again, oldest first."""
        try:
            await self._store.write(self._table, rows)
        except BucketsAway as error:
            self._refused(error.refused, error)
            self._wait(error)
            return sorted(chain.from_iterable(error.left.values()), key=itemgetter(0))
        except SinkUnavailable as error:
            self._wait(error)
            return rows
        except PointsRefused as error:
            self._refused(error.rows, error)
        self._backoff.succeeded()
        return ()

    def _wait(self, error: SinkUnavailable) -> None:
        if not self._backoff.attempts:
            _log.warning("reports wait", measurement=self._table.name, error=str(error))

    def _refused(self, rows: Sequence[Row], error: Exception) -> None:
        if rows:
            LOST.inc(len(rows))
            _log.error(
                "reports are refused", measurement=self._table.name, points=len(rows), error=str(error)
            )

    def _drop(self) -> None:
        waiting = self._waiting
        while waiting and (len(waiting) > MAX_ROWS or waiting[0][0] < waiting[-1][0] - KEPT_MS):
            waiting.popleft()
            LOST.inc()
        if waiting:
            self._some.set()
