"""Liveness by progress: a process that should move and does not is ended, and its supervisor starts another.

Waiting for a sink or for Kafka is no standstill, nor is a lane that has halted visibly. What remains is a consumer that
gets nothing though there is something, a rebalance that never ends, or an event loop that does not turn.
"""

import os
import threading
import time
from collections.abc import Callable

from streams.projector.ends import Ends
from streams.projector.lane import Lane
from streams.projector.projector import Projector

STALL_S = 60.0
SILENT_S = 10.0
"""A Kafka that has not said for so long where the logs end is away."""
_SHOULD_MOVE = frozenset({"following", "catching up", "stepping"})


class Watchdog:
    """Judges, look by look, whether the lanes that owe something move."""

    def __init__(
        self, projector: Projector, ends: Ends, rebalancing: Callable[[], bool], stall_s: float = STALL_S
    ) -> None:
        self._projector, self._ends, self._rebalancing = projector, ends, rebalancing
        self._stall_s = stall_s
        self._seen: dict[str, tuple[object, float]] = {}
        """By what is watched: how it stood, and since when."""

    def look(self, now_s: float) -> str | None:
        """Return what stands still, or None."""
        standing: dict[str, tuple[object, float]] = {}
        if self._ends.seen_s is None or now_s - self._ends.seen_s > SILENT_S:
            self._seen = standing  # Kafka is silent: nothing can move
            return None
        if self._rebalancing():
            standing["the group's rebalance"] = self._since("the group's rebalance", True, now_s)
        for name, lane in self._projector.lanes.items():
            if self._owes(lane):
                standing[str(name)] = self._since(str(name), lane.progress, now_s)
        self._seen = standing
        stalled = [what for what, (_, since_s) in standing.items() if now_s - since_s > self._stall_s]
        return ", ".join(stalled) or None

    def _owes(self, lane: Lane) -> bool:
        """Whether there are records for the lane, and nothing but this process in its way."""
        if lane.phase not in _SHOULD_MOVE or lane.writing or lane.written is None:
            return False
        return self._ends.known.get(lane.name.where, 0) > lane.written.next_offset

    def _since(self, what: str, progress: object, now_s: float) -> tuple[object, float]:
        before = self._seen.get(what)
        return before if before is not None and before[0] == progress else (progress, now_s)


class LoopGuard:
    """Ends the process when its event loop does not turn: nothing inside the loop could.

    It counts its own looks instead of reading a clock, so that a process that was frozen and woken is not blamed.
    """

    def __init__(self, exit_code: int, looks: int = 60, pause: Callable[[float], None] = time.sleep) -> None:
        self._exit_code, self._looks, self._pause = exit_code, looks, pause
        self._missed = 0
        self._end: Callable[[int], object] = os._exit

    def beat(self) -> None:
        """The loop turns."""
        self._missed = 0

    def start(self) -> None:
        """Watch from a thread of its own."""
        threading.Thread(target=self._watch, name="loop guard", daemon=True).start()

    def _watch(self) -> None:
        while self._missed < self._looks:
            self._pause(1.0)
            self._missed += 1
        self._end(self._exit_code)
