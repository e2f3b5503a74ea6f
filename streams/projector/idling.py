"""Windows that end by the clock, where nothing is committed: when that may be said, and that it is.

It may be said once nothing came for `Projection.idle_ms` and the log, asked after that, ends where the fold is: what is
appended later carries a later time. Clocks of brokers and of this process may differ by that, and by the lateness that
the windows allow; beyond, events are put aside, and counted, rather than windows told twice.
"""

import asyncio
import time
from collections.abc import Callable
from typing import cast

from streams.log.ports import LogUnavailable, TopicReader
from streams.projections.projection import Fold, Projection, WindowedFold

QUIET_S = 2.0
"""A fold that has stood still for less is on its way; nor is the log asked more often."""


def wall_ms() -> int:
    """Return the wall clock."""
    return time.time_ns() // 1_000_000


class Idling:
    """Moves one lane's fold on while its log rests."""

    def __init__(
        self,
        projection: Projection,
        log: TopicReader,
        wake: asyncio.Event,
        now_ms: Callable[[], int] = wall_ms,
        quiet_s: float = QUIET_S,
    ) -> None:
        self._idle_ms, self._log, self._wake = projection.idle_ms, log, wake
        self._now_ms, self._quiet_s = now_ms, quiet_s
        self._stands, self._since_s = -1, 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def advanced(self, fold: Fold, next_offset: int) -> bool:
        """Have the fold, which is at `next_offset`, do what is due by now; if that is later, the lane is woken then."""
        if self._idle_ms is None:
            return False
        windows = cast(WindowedFold, fold)
        due_ms = windows.due_ms
        if due_ms is None:
            return False
        if next_offset != self._stands:
            self._stands, self._since_s = next_offset, time.monotonic()
        early_s = max(
            (due_ms + self._idle_ms - self._now_ms()) / 1000,
            self._since_s + self._quiet_s - time.monotonic(),
        )
        if early_s > 0:
            self._look_in(early_s)
            return False
        if not await self._ends_at(next_offset):
            self._since_s = time.monotonic()
            self._look_in(self._quiet_s)
            return False
        windows.advance(due_ms)
        return True

    def counters(self, fold: Fold) -> dict[str, int]:
        """Return what the fold's windows counted, and put aside."""
        return {} if self._idle_ms is None else dict(cast(WindowedFold, fold).counters)

    def moved_ms(self, fold: Fold) -> int:
        """Return up to which time the fold's windows are; 0: it has none."""
        return 0 if self._idle_ms is None else cast(WindowedFold, fold).watermark_ms

    def close(self) -> None:
        """Wake nobody any more."""
        if self._timer is not None:
            self._timer.cancel()

    async def _ends_at(self, next_offset: int) -> bool:
        try:
            _, end = await self._log.bounds()
        except LogUnavailable:
            return False
        return end == next_offset

    def _look_in(self, seconds: float) -> None:
        self.close()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._wake.set)
