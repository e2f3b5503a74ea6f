"""What is old in tables is forgotten: periods of rows that are events of their own, and rows of histories.

The log keeps what they told. Builds forget each for itself, the live one first; those of another release's version are
left to it, which knows how they forget. A table that cannot now stands in no other's way.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog
from prometheus_client import Counter

from streams.ops.backoff import Pause
from streams.projections.builds import BuildList, OneBuild, own_builds
from streams.projections.ports import AgedRows, OldHistory, SinkError, Sweep, Swept
from streams.projections.projection import Projection
from streams.projections.table import Table

PACE_S: Final = 3_600.0
AGAIN_S: Final = 60.0
"""Behind a database that was away, or busy; twice as long each further time, up to `PACE_S`."""
ROWS: Final = 2_000
"""Of a history, looked at in one transaction."""
BREATH_S: Final = 0.2
"""Between two such: who writes goes first."""

FORGOTTEN: Final = Counter(
    "tidelock_old_rows_forgotten_total",
    "Rows of histories, and periods of audits, forgotten by age",
    ("table", "what"),
)
STAYED: Final = Counter(
    "tidelock_old_rows_troubles_total", "What kept a table from forgetting", ("table", "code")
)

_ONE: Final = OneBuild()
_log = structlog.get_logger("tidelock.retention")


class Way(Protocol):
    """How tables of one sort forget."""

    def concerns(self, table: Table) -> bool:
        """Say whether the table is of that sort."""

    async def forget(self, projection: Projection, table: Table, before_ms: int) -> int:
        """Forget all of the build's table that is old; return how much: periods, or rows. Raises `SinkError`."""


class Periods:
    """Whole periods go, of tables whose rows have an age."""

    def __init__(self, rows: AgedRows) -> None:
        self._rows = rows

    def concerns(self, table: Table) -> bool:
        """Say whether its rows have an age."""
        return table.aged is not None

    async def forget(self, projection: Projection, table: Table, before_ms: int) -> int:
        """Forget periods, one after the other."""
        gone = 0
        while await self._rows.forget(projection, table, before_ms):
            FORGOTTEN.labels(table.name, "periods").inc()
            gone += 1
        return gone


class Histories:
    """Rows that answer nothing any more go, of tables that say how: some at a time."""

    def __init__(self, rows: OldHistory, pause: Pause = asyncio.sleep) -> None:
        self._rows, self._pause = rows, pause

    def concerns(self, table: Table) -> bool:
        """Say whether it tells how it forgets."""
        return table.forgets is not None

    async def forget(self, projection: Projection, table: Table, before_ms: int) -> int:
        """Go over what is old, oldest first, and give way to writers in between."""
        swept = await self._sweep(projection, table, Sweep(before_ms, ROWS, None))
        gone = swept.rows
        while swept.after is not None:
            await self._pause(BREATH_S)
            swept = await self._sweep(projection, table, Sweep(before_ms, ROWS, swept.after))
            gone += swept.rows
        return gone

    async def _sweep(self, projection: Projection, table: Table, sweep: Sweep) -> Swept:
        swept = await self._rows.forget(projection, table, sweep)
        FORGOTTEN.labels(table.name, "rows").inc(swept.rows)
        return swept


class RowKeeper:
    """Forgets what is older than `kept_s`, in one way. Several may do it."""

    def __init__(
        self,
        projections: Sequence[Projection],
        way: Way,
        kept_s: int,
        pause: Pause = asyncio.sleep,
        now_s: Callable[[], float] = time.time,
        builds: BuildList = _ONE,
    ) -> None:
        self._old = [(one, table) for one in projections for table in one.tables if way.concerns(table)]
        self._way, self._kept_s = way, kept_s
        self._builds, self._pause, self._now_s = builds, pause, now_s

    async def run(self) -> None:
        """Forget, time and again, until cancelled."""
        again_s = AGAIN_S
        while True:
            if await self._forget():
                again_s = AGAIN_S
                await self._pause(PACE_S)
            else:
                await self._pause(again_s)
                again_s = min(2 * again_s, PACE_S)

    async def _forget(self) -> bool:
        """Forget what is old of every table; return whether all could."""
        before_ms = int((self._now_s() - self._kept_s) * 1000)
        return all([await self._could(projection, table, before_ms) for projection, table in self._old])

    async def _could(self, projection: Projection, table: Table, before_ms: int) -> bool:
        try:
            for meant in own_builds(projection, await self._builds.of(projection)):
                gone = await self._way.forget(meant, table, before_ms)
                if gone:
                    _log.info("old rows were forgotten", table=table.name, build=meant.label, count=gone,
                              kept_s=self._kept_s)  # fmt: skip
        except SinkError as error:  # or a build was retired meanwhile
            STAYED.labels(table.name, error.code).inc()
            _log.warning("old rows stay for now", table=table.name, code=error.code, error=str(error))
            return False
        return True
