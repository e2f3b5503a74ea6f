"""The points of one measurement on their way: those of a while wait in memory while InfluxDB is away."""

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

import structlog
from prometheus_client import Counter

from streams.ops.backoff import Backoff, Pause
from streams.projections.ports import PointStore, RowRefused, SinkUnavailable
from streams.projections.table import Row, Table

KEPT_MS: Final = 1_800_000
"""Older ones are dropped: what downsamples looks back an hour."""
MAX_ROWS: Final = 20_000
BATCH: Final = 5_000
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
            some = tuple(islice(self._waiting, BATCH))
            for _ in some:
                self._waiting.popleft()
            if not await self._written(some):
                self._waiting.extendleft(reversed(some))
                self._drop()
                await self._backoff.pause()
            if not self._waiting:
                self._some.clear()

    async def _written(self, rows: Sequence[Row]) -> bool:
        """Return whether nobody has to write them any more."""
        try:
            await self._store.write(self._table, rows)
        except SinkUnavailable as error:
            if not self._backoff.attempts:
                _log.warning("reports wait", measurement=self._table.name, error=str(error))
            return False
        except RowRefused as error:
            LOST.inc(len(rows))
            _log.error(
                "reports are refused", measurement=self._table.name, points=len(rows), error=str(error)
            )
        else:
            self._backoff.succeeded()
        return True

    def _drop(self) -> None:
        waiting = self._waiting
        while waiting and (len(waiting) > MAX_ROWS or waiting[0][0] < waiting[-1][0] - KEPT_MS):
            waiting.popleft()
            LOST.inc()
        if waiting:
            self._some.set()
