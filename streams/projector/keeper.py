"""Windows are rows until they are forgotten: after so long, whether InfluxDB took their points by then or not.

That is the bound of what waits while InfluxDB is away. What was never published is counted, and told.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from streams.ops.backoff import Pause
from streams.projections.builds import BuildList, OneBuild, own_builds
from streams.projections.ports import AgedWindows, Forgotten, SinkError
from streams.projections.projection import Projection

ROWS = 5_000
"""Deleted at a time."""
PACE_S = 60.0

_ONE: Final = OneBuild()
_log = structlog.get_logger("tidelock.windows")


class WindowKeeper:
    """Forgets the old windows of read models. Several may do it: each row is deleted, and counted, once."""

    def __init__(
        self,
        projections: Sequence[Projection],
        windows: AgedWindows,
        kept_s: int,
        pause: Pause = asyncio.sleep,
        now_s: Callable[[], float] = time.time,
        builds: BuildList = _ONE,
    ) -> None:
        self._projections = [one for one in projections if one.points is not None]
        self._windows, self._kept_s = windows, kept_s
        self._builds, self._pause, self._now_s = builds, pause, now_s
        self.forgotten = {one.name: Forgotten(0, 0) for one in self._projections}
        """By projection, since the process started."""

    async def run(self) -> None:
        """Forget, time and again, until cancelled. A database that is away is tried again in a minute."""
        while True:
            for projection in self._projections:
                try:
                    for meant in own_builds(projection, await self._builds.of(projection)):
                        await self._forget(meant)
                except SinkError as error:  # or a build was retired meanwhile
                    _log.debug("windows stay", projection=projection.name, error=str(error))
            await self._pause(PACE_S)

    async def _forget(self, projection: Projection) -> None:
        before_ms = int((self._now_s() - self._kept_s) * 1000)
        unpublished = 0
        while True:
            gone = await self._windows.forget(projection, before_ms, ROWS)
            so_far = self.forgotten[projection.name]
            self.forgotten[projection.name] = Forgotten(
                so_far.rows + gone.rows, so_far.unpublished + gone.unpublished
            )
            unpublished += gone.unpublished
            if gone.rows < ROWS:
                break
        if unpublished:
            _log.warning(
                "windows were forgotten before anybody published them: InfluxDB was away for too long, or is not named",
                projection=projection.name, windows=unpublished, kept_s=self._kept_s,
            )  # fmt: skip
