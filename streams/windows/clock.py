"""Event time of one partition: how far it is, and what is counted about it. All of it is state, so a replay agrees."""

import json
from collections import Counter
from typing import Any, Final

from streams.windows.aggregates import encode
from streams.windows.errors import WrongState

LONG_AGO: Final = -(1 << 62)
"""Before anything that can be seen."""


class Clock:
    """Watermark, the log's own clock, counters."""

    __slots__ = ("_ahead_ms", "_log_ms", "_out_of_order_ms", "counters", "latest_ms", "limit_ms", "watermark")

    def __init__(self, out_of_order_ms: int, ahead_ms: int) -> None:
        self._out_of_order_ms, self._ahead_ms = out_of_order_ms, ahead_ms
        self._log_ms: int | None = None
        self.watermark = LONG_AGO
        self.latest_ms = LONG_AGO
        """The latest event, or advance."""
        self.limit_ms = -LONG_AGO
        """Events after it are put aside."""
        self.counters: Counter[str] = Counter()

    def saw(self, time_ms: int) -> None:
        """Move on to the time of an event that is later than all before."""
        self.latest_ms = time_ms
        self.watermark = max(self.watermark, time_ms - self._out_of_order_ms)
        self._limit()

    def reach(self, log_ms: int) -> None:
        """Move on to a time of the log's own clock; never back."""
        self._log_ms = log_ms if self._log_ms is None else max(self._log_ms, log_ms)
        self._limit()

    def advance(self, watermark_ms: int) -> None:
        """Move the watermark on; never back."""
        self.watermark = max(self.watermark, watermark_ms)
        self.latest_ms = max(self.latest_ms, watermark_ms)
        self._limit()

    def _limit(self) -> None:
        now = self.latest_ms if self._log_ms is None else self._log_ms
        self.limit_ms = now + self._ahead_ms

    def dumps(self, shape: str) -> str:
        """Return it as JSON, with what wrote it."""
        return encode([shape, self.watermark, self.latest_ms, self._log_ms, sorted((+self.counters).items())])

    def restore(self, shape: str, text: str) -> None:
        """Be as `dumps` wrote. Raises `WrongState`."""
        try:
            wrote, watermark, latest, log, counters = _five(json.loads(text))
        except ValueError as error:
            raise WrongState(f"a clock that cannot be read ({error})") from error
        if wrote != shape:
            raise WrongState(f"stored: {wrote}; here: {shape}")
        self.watermark, self.latest_ms, self._log_ms = watermark, latest, log
        self.counters = Counter(dict(counters))
        if latest != LONG_AGO or log is not None:
            self._limit()


def _five(loaded: Any) -> list[Any]:
    if not isinstance(loaded, list) or len(loaded) != 5:
        raise ValueError("not five items")
    return loaded
