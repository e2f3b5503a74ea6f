"""Tumbling and hopping windows: they begin at multiples of the hop, for all keys at once."""

from collections.abc import Iterator
from math import gcd

from streams.windows.clock import Clock
from streams.windows.definition import Hopping, Tumbling, Windows
from streams.windows.outbox import Outbox
from streams.windows.panes import Pane, Panes
from streams.windows.sliced import SlicedEngine
from streams.windows.taken import Key


class AlignedEngine(SlicedEngine):
    """A slice is the greatest common divisor of size and hop: of a tumbling window, the window."""

    def __init__(
        self, assigner: Tumbling | Hopping, definition: Windows, clock: Clock, panes: Panes, outbox: Outbox
    ) -> None:
        size = assigner.size_ms
        self._hop = assigner.hop_ms if isinstance(assigner, Hopping) else size
        super().__init__(definition, clock, panes, outbox, gcd(size, self._hop), size)

    def _last_end(self, start: int) -> int:
        return start - start % self._hop + self._length

    def _windows_of(self, key: Key, start: int) -> Iterator[int]:  # noqa: ARG002  # the same for all keys
        last = start - start % self._hop
        first = start + self._grain - self._length
        yield from range(first + -first % self._hop, last + 1, self._hop)

    def _exists(self, key: Key, window: int) -> bool:
        return next(self._covered(key, window), None) is not None

    def _covered(self, key: Key, window: int) -> Iterator[Pane]:
        for start in range(window, window + self._length, self._grain):
            pane = self._slices.get(start, {}).get(key)
            if pane is not None:
                yield pane

    def _ended(self, before: int, now: int) -> Iterator[tuple[int, Key, int]]:
        keys: dict[int, set[Key]] = {}
        for start, slices in self._slices.items():
            for window in self._windows_of((), start):
                if before < window + self._length <= now:
                    keys.setdefault(window, set()).update(slices)
        for window, each in keys.items():
            for key in each:
                yield window + self._length, key, window

    def _forget(self, now: int) -> None:
        for start in [start for start in self._slices if self._last_end(start) + self._lateness_ms <= now]:
            self._drop(start)

    def _next(self, now: int) -> int:
        grain, forgotten = self._grain, now - self._lateness_ms
        return min(now - now % grain + grain, forgotten - forgotten % grain + grain + self._lateness_ms)
