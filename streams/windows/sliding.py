"""Sliding windows as Kafka Streams defines them: one for every different set of a key's events, `size` apart at most.

For an event at t there is [t - size, t], and, if an event is in there, [t + 1, t + 1 + size]; both ends are in it.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from streams.windows.clock import Clock
from streams.windows.definition import Sliding, Windows
from streams.windows.engine import NEVER
from streams.windows.outbox import Outbox
from streams.windows.panes import Pane, Panes
from streams.windows.sliced import SlicedEngine
from streams.windows.taken import Key


class SlidingEngine(SlicedEngine):
    """A slice is a millisecond in which a key has events."""

    def __init__(
        self, assigner: Sliding, definition: Windows, clock: Clock, panes: Panes, outbox: Outbox
    ) -> None:
        super().__init__(definition, clock, panes, outbox, 1, assigner.size_ms + 1)
        self._times: list[int] = []
        self._of_key: dict[Key, list[int]] = {}

    def insert(self, pane: Pane) -> None:
        """Keep a pane."""
        if pane.start not in self._slices:
            insort(self._times, pane.start)
        insort(self._of_key.setdefault(pane.key, []), pane.start)
        super().insert(pane)
        self._reached = self._clock.watermark  # up to here nothing was due
        self.due = min(self.due, self._next(self._reached))

    def _last_end(self, start: int) -> int:
        return start + self._length

    def _windows_of(self, key: Key, start: int) -> Iterator[int]:
        times, size = self._of_key.get(key, []), self._length - 1
        near = times[bisect_left(times, start - size - 1) : bisect_right(times, start + size + 1)]
        windows = {start - size}
        windows.update(each - size for each in near if start <= each <= start + size)
        windows.update(each + 1 for each in near if each < start)
        if near and near[-1] > start:
            windows.add(start + 1)
        yield from sorted(windows)

    def _exists(self, key: Key, window: int) -> bool:
        times = self._of_key.get(key, [])
        at = bisect_left(times, window)
        in_it = at < len(times) and times[at] < window + self._length
        begins = at > 0 and times[at - 1] == window - 1
        return in_it and (begins or key in self._slices.get(window + self._length - 1, {}))

    def _covered(self, key: Key, window: int) -> Iterator[Pane]:
        times = self._of_key.get(key, [])
        for start in times[bisect_left(times, window) : bisect_left(times, window + self._length)]:
            yield self._slices[start][key]

    def _ended(self, before: int, now: int) -> Iterator[tuple[int, Key, int]]:
        windows: set[tuple[int, Key, int]] = set()
        for ahead in (1, 1 + self._length):  # where the windows end that end with a slice, or begin behind it
            for start in self._times[self._above(before - ahead) : self._above(now - ahead)]:
                end = start + ahead
                windows.update((end, key, end - self._length) for key in self._slices[start])
        for window in windows:
            if self._exists(window[1], window[2]):
                yield window

    def _forget(self, now: int) -> None:
        past = self._above(now - 1 - self._length - self._lateness_ms)
        for start in self._times[:past]:
            for key in self._slices[start]:
                times = self._of_key[key]
                del times[0]
                if not times:
                    del self._of_key[key]
            self._drop(start)
        del self._times[:past]

    def _next(self, now: int) -> int:
        ahead = (1, 1 + self._length, 1 + self._length + self._lateness_ms)
        found = ((each, self._above(now - each)) for each in ahead)
        return min((self._times[at] + each for each, at in found if at < len(self._times)), default=NEVER)

    def _above(self, time_ms: int) -> int:
        """Return how many of the times are at or before `time_ms`."""
        return bisect_right(self._times, time_ms)
