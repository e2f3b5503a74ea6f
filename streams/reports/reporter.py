"""Has a process tell of itself: looks at its registry every few seconds, and writes what changed since."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
from prometheus_client import REGISTRY, CollectorRegistry

from streams.ops.backoff import Pause
from streams.projections.ports import PointStore
from streams.projections.table import Row
from streams.reports.catalog import MEASUREMENTS
from streams.reports.outgoing import Outgoing
from streams.reports.registry import Readings, readings
from streams.reports.rows import Rows

STEP_MS: Final = 60_000
"""A wall clock that goes back further than that was set: points are told by it, over those that it had told before."""


_log = structlog.get_logger("tidelock.reports")


def nothing() -> None:
    """Set no gauges."""


class Reporter:
    """Tells from now on; what was counted before it was made is not told."""

    def __init__(
        self,
        who: Mapping[str, str],
        store: PointStore,
        observe: Callable[[], None] = nothing,
        every_s: int = 10,
        registry: CollectorRegistry = REGISTRY,
        pause: Pause = asyncio.sleep,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """`who`: the tags `process` and `role`. `observe`: sets gauges, on any thread, before each look."""
        self._measurements = [(Rows(each, who), Outgoing(each.table, store, pause)) for each in MEASUREMENTS]
        self._samples = frozenset[str]().union(*(each.samples for each in MEASUREMENTS))
        self._observe, self._every_ms, self._registry = observe, every_s * 1000, registry
        self._pause, self._now_s = pause, now_s
        self._before: Readings = readings(registry, self._samples)
        self._last_ms: int | None = None

    async def run(self) -> None:
        """Tell, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _, outgoing in self._measurements:
                tasks.create_task(outgoing.run(), name="reports")
            while True:
                await self._pause((self._every_ms - self._now_s() * 1000 % self._every_ms) / 1000)
                try:
                    await self.report()
                except Exception:
                    _log.exception("a report failed")

    async def report(self) -> None:
        """Put down what happened in the time that has just ended, if that was not told yet."""
        start_ms = int(self._now_s() * 1000 // self._every_ms - 1) * self._every_ms
        if self._last_ms is not None and 0 <= self._last_ms - start_ms < STEP_MS:
            return
        self._last_ms = start_ms
        told = await asyncio.to_thread(self._told, start_ms)
        for (_, outgoing), rows in zip(self._measurements, told, strict=True):
            outgoing.put(rows)

    def _told(self, start_ms: int) -> Sequence[Sequence[Row]]:
        """Look. Not on the event loop: there may be thousands of samples."""
        self._observe()
        before, now = self._before, readings(self._registry, self._samples)
        self._before = now
        return [rows.of(start_ms, before, now) for rows, _ in self._measurements]
