"""The client's clock: time since boot, sleep included, and timers on it. Never the wall clock.

A lease goes on while a laptop sleeps, and so does CLOCK_BOOTTIME (CLOCK_MONOTONIC on macOS; on Windows the
monotonic clock, which stands still in sleep: rely on fencing tokens there). Timers of the event loop stand
still in sleep, so whoever waits for a lease to end looks at the clock at least every second.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol


class Timer(Protocol):
    """A timer that may be cancelled."""

    def cancel(self) -> None:
        """Do not fire."""


class Clock(Protocol):
    """Seconds since some fixed moment, and timers."""

    def now(self) -> float:
        """Return seconds since boot; never runs backwards, never stands still."""

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call back at `when`, soon if that is past."""


def _boottime() -> Callable[[], float]:
    if sys.platform == "linux":
        return partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return partial(time.clock_gettime, time.CLOCK_MONOTONIC)
    return time.monotonic


class BootClock:
    """The real one, on the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.now = _boottime()

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call back at `when`, soon if that is past."""
        return self._loop.call_later(max(0.0, when - self.now()), callback)


async def sleep_until(clock: Clock, when: float) -> None:
    """Return at `when`, at once if that is past."""
    if when <= clock.now():
        return
    woken = asyncio.Event()
    timer = clock.call_at(when, woken.set)
    try:
        await woken.wait()
    finally:
        timer.cancel()
