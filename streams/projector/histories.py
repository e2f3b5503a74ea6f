"""Rows of histories that answer nothing any more are forgotten after so long, some at a time. The log keeps it all."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import structlog

from streams.ops.backoff import Pause
from streams.projections.builds import BuildList, OneBuild
from streams.projections.ports import OldHistory, SinkError, Sweep
from streams.projections.projection import Projection
from streams.projections.table import Table

ROWS = 2_000
"""Looked at in one transaction."""
BREATH_S = 0.2
"""Between two: who writes goes first."""
PACE_S = 3_600.0
AGAIN_S = 60.0
"""Behind a database that was away, or busy."""

_ONE: Final = OneBuild()
_log = structlog.get_logger("tidelock.histories")


class HistoryKeeper:
    """Forgets what was over `kept_s` ago of all tables that say how. Several may do it."""

    def __init__(
        self,
        projections: Sequence[Projection],
        rows: OldHistory,
        kept_s: int,
        pause: Pause = asyncio.sleep,
        now_s: Callable[[], float] = time.time,
        builds: BuildList = _ONE,
    ) -> None:
        self._old = [(one, table) for one in projections for table in one.tables if table.forgets is not None]
        self._rows, self._kept_s = rows, kept_s
        self._builds, self._pause, self._now_s = builds, pause, now_s

    async def run(self) -> None:
        """Forget, time and again, until cancelled."""
        while True:
            try:
                await self._forget()
            except SinkError as error:  # or a build was retired meanwhile
                _log.warning("old histories stay for now", error=str(error))
                await self._pause(AGAIN_S)
            else:
                await self._pause(PACE_S)

    async def _forget(self) -> None:
        before_ms = int((self._now_s() - self._kept_s) * 1000)
        for projection, table in self._old:
            for build in await self._builds.of(projection):
                meant = projection if build.live else replace(projection, build=build.number)
                gone = await self._forget_of(meant, table, before_ms)
                if gone:
                    _log.info("a history was forgotten", table=table.name, build=meant.label, rows=gone)

    async def _forget_of(self, projection: Projection, table: Table, before_ms: int) -> int:
        gone, after = 0, None
        while True:
            swept = await self._rows.forget(projection, table, Sweep(before_ms, ROWS, after))
            gone += swept.rows
            after = swept.after
            if after is None:
                return gone
            await self._pause(BREATH_S)
