"""Versions that this client knows to be gone, for as long as a tier may still show them."""

from collections.abc import Callable
from typing import Final

MOST: Final = 100_000
"""Entries remembered. If more change in so short a time, nothing is shown until it is over."""
_MARGIN: Final = 1.1
"""Clocks may differ in rate."""


class Known:
    """Remembers for `stale_s`, after which whoever shows copies knows as much."""

    def __init__(self, now: Callable[[], float], stale_s: float, most: int = MOST) -> None:
        self._now = now
        self._stale_s = _MARGIN * stale_s
        self._most = most
        self._versions: dict[tuple[str, str], tuple[int, float]] = {}
        """Of each entry the version, and when it is forgotten; in the order of the latter."""
        self._blind_until = float("-inf")

    def drop(self, key: str, entry: str, version: int) -> None:
        """Remember that versions up to `version` of an entry are gone."""
        now = self._now()
        self._forget(now)
        known, _ = self._versions.pop((key, entry), (0, 0.0))
        self._versions[key, entry] = (max(known, version), now + self._stale_s)
        if len(self._versions) > self._most:
            self._versions.clear()
            self._blind_until = now + self._stale_s

    def allows(self, key: str, entry: str, version: int) -> bool:
        """Say whether the version may be shown."""
        now = self._now()
        if now < self._blind_until:
            return False
        self._forget(now)
        known, _ = self._versions.get((key, entry), (0, 0.0))
        return version > known

    def _forget(self, now: float) -> None:
        while self._versions:
            oldest = next(iter(self._versions))
            if self._versions[oldest][1] > now:
                return
            del self._versions[oldest]
