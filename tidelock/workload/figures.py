"""Rates and percentiles, exact: every duration that counts is kept (8 bytes each)."""

import os
import platform
from array import array
from collections import deque
from collections.abc import Sequence
from pathlib import Path

SHARES = (0.5, 0.9, 0.99, 0.999)


class Durations:
    """Durations of one thing, in seconds: all of them, or the latest `most`."""

    def __init__(self, most: int | None = None) -> None:
        self._seconds: array[float] | deque[float] = array("d") if most is None else deque(maxlen=most)

    def add(self, seconds: float) -> None:
        """Note one."""
        self._seconds.append(seconds)

    def __len__(self) -> int:
        return len(self._seconds)

    def percentiles_ms(self, shares: Sequence[float] = SHARES) -> dict[str, float]:
        """Return percentiles (nearest rank) and the maximum, in ms; empty when there are none."""
        ordered = sorted(self._seconds)
        if not ordered:
            return {}
        last = len(ordered) - 1
        found = {f"p{share * 100:g}": ordered[min(last, int(share * len(ordered)))] for share in shares}
        return {name: round(seconds * 1000, 3) for name, seconds in (found | {"max": ordered[-1]}).items()}


def machine() -> str:
    """Return what this machine is, for whoever reads the figures later."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{os.cpu_count()} cores, {_model()}{load}, Python {platform.python_version()}"


def _model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()
