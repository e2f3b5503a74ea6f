"""What is told of a line held Modified that was lost."""

import logging
from dataclasses import dataclass
from typing import Any, Final

from tidelock.client.clock import Clock

LOGGED: Final = 10
"""Losses that are logged one by one, in so long:"""
WINDOW_S: Final = 10.0
log = logging.getLogger("tidelock.caches")


@dataclass(frozen=True, slots=True)
class LostLine:
    """What was written to a line held Modified, and did not come to the directory."""

    entry: str
    value: Any
    why: str


class LossLog:
    """Logs lost lines of a cache without `on_lost`: of many at once the first ones, then how many more."""

    def __init__(self, cache: str, clock: Clock) -> None:
        self._cache, self._clock = cache, clock
        self._count = 0

    def lost(self, line: LostLine) -> None:
        """Log it, unless many were just now."""
        if not self._count:
            self._clock.call_at(self._clock.now() + WINDOW_S, self._over)
        self._count += 1
        if self._count <= LOGGED:
            log.warning("cache %r: entry %r was lost: %s", self._cache, line.entry, line.why)
        elif self._count == LOGGED + 1:
            log.warning("cache %r: more entries were lost. `on_lost` is told of each.", self._cache)

    def _over(self) -> None:
        more, self._count = self._count - LOGGED, 0
        if more > 0:
            log.warning("cache %r: %s more entries were lost within %g s", self._cache, f"{more:,}", WINDOW_S)
