"""What the engines of all assigners share."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Final

from streams.windows.clock import LONG_AGO, Clock
from streams.windows.combined import States
from streams.windows.definition import Windows
from streams.windows.outbox import Outbox
from streams.windows.panes import Pane, Panes
from streams.windows.taken import Key, Kind, Slot

NEVER: Final = 1 << 62
Shown = tuple[int, int, States]
"""Start, end, states of a window."""


class Engine(ABC):
    """The windows of one partition. It tells its results to the outbox, always in the order of (end, key, start)."""

    def __init__(self, definition: Windows, clock: Clock, panes: Panes, outbox: Outbox) -> None:
        self._clock, self._panes, self._outbox = clock, panes, outbox
        self._aggregates = definition.aggregates
        self._add = definition.aggregates.adder
        self._lateness_ms = definition.lateness_ms
        self._early_ms = definition.early_ms
        self._reached = clock.watermark
        self._late: set[Slot] = set()
        """Windows that were told finally and are to be told once more."""
        self.due = self._reached + 1
        """The watermark at which something is to be done; `move` then does it."""

    @abstractmethod
    def add(self, key: Key, time_ms: int, value: Any) -> None:
        """Count an event, or put it aside. May raise what aggregates raise; nothing has changed then."""

    @abstractmethod
    def insert(self, pane: Pane) -> None:
        """Keep a pane, new or restored."""

    @abstractmethod
    def look(self, key: Key) -> Iterator[Shown]:
        """Yield the windows of a key that are kept."""

    def move(self) -> None:
        """Do all that is due at the clock's watermark: final results, early ones, forgetting."""
        before, now = self._reached, self._clock.watermark
        self._reached = now
        self._tell_late()
        for end, key, start in sorted(self._ended(before, now)):
            self._outbox.emit(Kind.FINAL, key, start, end, self._states(key, start))
        early = self._early_ms
        if early and LONG_AGO < before // early * early < now // early * early:
            self._tell_early(stored=True)
        self._forget(now)
        self.due = min(self._next(now), (now // early + 1) * early if early else NEVER)

    def flush(self) -> None:
        """Tell what is told with each take."""
        self._tell_late()
        if self._early_ms == 0:
            self._tell_early(stored=False)

    def resume(self) -> None:
        """Go on from the clock's watermark, all panes being restored."""
        self._reached = self._clock.watermark
        self.due = self._reached + 1

    @abstractmethod
    def _ended(self, before: int, now: int) -> Iterator[tuple[int, Key, int]]:
        """Yield (end, key, start) of windows to be told finally, as the watermark moves."""

    @abstractmethod
    def _open_of(self, pane: Pane) -> Iterator[tuple[int, Key, int]]:
        """Yield (end, key, start) of the windows that a pane belongs to and that have not ended."""

    @abstractmethod
    def _end(self, key: Key, start: int) -> int:
        """Return where a window ends."""

    @abstractmethod
    def _states(self, key: Key, start: int) -> States:
        """Return the states of a window."""

    @abstractmethod
    def _forget(self, now: int) -> None:
        """Drop panes that no event may reach any more."""

    @abstractmethod
    def _next(self, now: int) -> int:
        """Return the next watermark at which a window ends or is forgotten."""

    def _tell_late(self) -> None:
        for end, key, start in sorted((self._end(*slot), *slot) for slot in self._late):
            self._outbox.emit(Kind.LATE, key, start, end, self._states(key, start))
        self._late.clear()

    def _tell_early(self, *, stored: bool) -> None:
        """Tell open windows of fresh panes; `stored`: that a pane is fresh may have been stored."""
        panes = list(self._panes.fresh.values())
        self._panes.fresh.clear()
        for pane in panes:
            pane.fresh = False
            if stored:
                self._panes.save(pane)
        for end, key, start in sorted({window for pane in panes for window in self._open_of(pane)}):
            self._outbox.emit(Kind.EARLY, key, start, end, self._states(key, start))
