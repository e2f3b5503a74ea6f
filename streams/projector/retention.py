"""Rows that are events of their own are forgotten by their age, a period at a time. The log keeps what they told."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import structlog

from streams.ops.backoff import Pause
from streams.projections.builds import BuildList, OneBuild
from streams.projections.ports import AgedRows, SinkError
from streams.projections.projection import Projection
from streams.projections.table import Table

PACE_S = 3_600.0
"""Periods are long."""
AGAIN_S = 60.0
"""Behind a database that was away, or busy."""

_ONE: Final = OneBuild()
_log = structlog.get_logger("tidelock.retention")


class RowKeeper:
    """Forgets what is older than `kept_s` of all tables that have an age. Several may do it."""

    def __init__(
        self,
        projections: Sequence[Projection],
        rows: AgedRows,
        kept_s: int,
        pause: Pause = asyncio.sleep,
        now_s: Callable[[], float] = time.time,
        builds: BuildList = _ONE,
    ) -> None:
        self._aged = [(one, table) for one in projections for table in one.tables if table.aged is not None]
        self._rows, self._kept_s = rows, kept_s
        self._builds, self._pause, self._now_s = builds, pause, now_s

    async def run(self) -> None:
        """Forget, time and again, until cancelled."""
        while True:
            try:
                await self._forget()
            except SinkError as error:  # or a build was retired meanwhile
                _log.warning("old rows stay for now", error=str(error))
                await self._pause(AGAIN_S)
            else:
                await self._pause(PACE_S)

    async def _forget(self) -> None:
        before_ms = int((self._now_s() - self._kept_s) * 1000)
        for projection, table in self._aged:
            for build in sorted(await self._builds.of(projection), key=lambda each: not each.live):
                meant = projection if build.live else replace(projection, build=build.number)
                await self._forget_of(meant, table, before_ms)

    async def _forget_of(self, projection: Projection, table: Table, before_ms: int) -> None:
        while await self._rows.forget(projection, table, before_ms):
            _log.info("a period was forgotten", table=table.name, build=projection.label, kept_s=self._kept_s)
