"""Windows made of slices: an event is counted once, and a window's result is merged from the slices it covers."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from streams.windows.clock import Clock
from streams.windows.combined import States
from streams.windows.definition import Windows
from streams.windows.engine import Engine, Shown
from streams.windows.outbox import Outbox
from streams.windows.panes import Pane, Panes
from streams.windows.taken import Key, Kind, Reason


class SlicedEngine(Engine):
    """Slices of `grain` ms, those of all keys together. A subclass says which windows a slice belongs to."""

    def __init__(
        self, definition: Windows, clock: Clock, panes: Panes, outbox: Outbox, grain_ms: int, length_ms: int
    ) -> None:
        super().__init__(definition, clock, panes, outbox)
        self._grain, self._length = grain_ms, length_ms
        """Of a slice; of a window, from its start to its end."""
        self._slices: dict[int, dict[Key, Pane]] = {}

    def add(self, key: Key, time_ms: int, value: Any) -> None:
        """Count an event in its slice, or put it aside."""
        start = time_ms - time_ms % self._grain
        slices = self._slices.get(start)
        pane = None if slices is None else slices.get(key)
        if pane is None or start + self._grain <= self._clock.watermark:
            self._add_new_or_late(key, start, time_ms, value)
            return
        self._add(pane.states, value)
        if not pane.touched:
            self._panes.touch(pane)

    def _add_new_or_late(self, key: Key, start: int, time_ms: int, value: Any) -> None:
        now = self._clock.watermark
        if self._last_end(start) + self._lateness_ms <= now:
            self._outbox.put_aside(Reason.LATE, key, time_ms, value)
            return
        counted_as, pane = self._place(key, start)
        if pane is None:
            self._outbox.put_aside(Reason.REFUSED, key, time_ms, value)
            return
        ended = [
            (window, self._exists(counted_as, window))
            for window in self._windows_of(counted_as, start)
            if window + self._length <= now < window + self._length + self._lateness_ms
        ]
        self._add(pane.states, value)
        if counted_as != key:
            self._clock.counters["overflowed"] += 1
        if counted_as not in self._slices.get(start, {}):
            self.insert(pane)
        self._panes.touch(pane)
        for window, existed in ended:
            end = window + self._length
            if existed:
                self._late.add((counted_as, window))
            else:
                self._outbox.emit(Kind.FINAL, counted_as, window, end, self._states(counted_as, window))

    def insert(self, pane: Pane) -> None:
        """Keep a pane."""
        self._slices.setdefault(pane.start, {})[pane.key] = pane
        self._panes.insert(pane)

    def look(self, key: Key) -> Iterator[Shown]:
        """Yield the windows of a key that still take events."""
        past = self._clock.watermark - self._lateness_ms
        starts = [start for start, slices in self._slices.items() if key in slices]
        for window in sorted({each for start in starts for each in self._windows_of(key, start)}):
            if window + self._length > past:
                yield window, window + self._length, self._states(key, window)

    @abstractmethod
    def _last_end(self, start: int) -> int:
        """Return where the last window ends that a slice may belong to."""

    @abstractmethod
    def _windows_of(self, key: Key, start: int) -> Iterator[int]:
        """Yield the starts of the windows that are there, or other, because of a slice, be it there yet or not."""

    @abstractmethod
    def _exists(self, key: Key, window: int) -> bool:
        """Say whether a window is there."""

    @abstractmethod
    def _covered(self, key: Key, window: int) -> Iterator[Pane]:
        """Yield the slices of a window, by time."""

    def _place(self, key: Key, start: int) -> tuple[Key, Pane | None]:
        """Return the pane for an event, it or a new one, and its key; no pane: too many are open."""
        slices = self._slices.get(start, {})
        while key not in slices:
            admitted = self._panes.admit(key)
            if admitted is None:
                return key, None
            if admitted == key:
                return key, Pane(key, start, self._aggregates.zero())
            key = admitted
        return key, slices[key]

    def _end(self, key: Key, start: int) -> int:  # noqa: ARG002  # all are equally long
        return start + self._length

    def _states(self, key: Key, start: int) -> States:
        return self._aggregates.merged([pane.states for pane in self._covered(key, start)])

    def _open_of(self, pane: Pane) -> Iterator[tuple[int, Key, int]]:
        for window in self._windows_of(pane.key, pane.start):
            if window + self._length > self._clock.watermark:
                yield window + self._length, pane.key, window

    def _drop(self, start: int) -> None:
        for pane in self._slices.pop(start).values():
            self._panes.drop(pane)
