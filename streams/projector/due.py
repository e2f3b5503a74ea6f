"""When a lane's next write may begin: a transaction costs much the same for more rows, so not at once."""

import asyncio
import time


class Due:
    """The pace of one lane's writes."""

    def __init__(self, pace_s: float, wake: asyncio.Event) -> None:
        """`wake` is set as soon as a write that was asked for too early may begin."""
        self._pace_s, self._wake = pace_s, wake
        self._begun_s = -pace_s
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> bool:
        """Return whether a write may begin; if not, the lane is woken when it may."""
        early_s = self._begun_s + self._pace_s - time.monotonic()
        if early_s <= 0:
            return True
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(early_s, self._woken)
        return False

    def begun(self) -> None:
        """A write begins."""
        self._begun_s = time.monotonic()

    def cancel(self) -> None:
        """Wake nobody."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _woken(self) -> None:
        self._timer = None
        self._wake.set()
