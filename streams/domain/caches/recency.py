"""A persistent order of entries by when the directory was last asked for them.

Who is touched goes to the end of the line; where it was before stays in it until it comes to the front, or until the
line is more than twice as long as there are entries. Imports the standard library and `immutables` only.
"""

from collections.abc import Iterator
from typing import Final

from immutables import Map

from streams.domain.structures.fifo import EMPTY, Fifo
from streams.domain.value import value

SLACK: Final = 64


@value
class Recency:
    """The latest touch of each entry, and all touches in order."""

    latest: Map[str, int]
    line: Fifo[tuple[int, str]]
    touches: int

    def __len__(self) -> int:
        return len(self.latest)

    def __iter__(self) -> Iterator[str]:
        """Yield the entries, the one that was touched least recently first."""
        latest = self.latest
        for touch, name in self.line:
            if latest.get(name) == touch:
                yield name

    def touched(self, name: str) -> "Recency":
        """Return the order with `name` at the end."""
        touch = self.touches + 1
        return _tidy(self.latest.set(name, touch), self.line.extended([(touch, name)]), touch)

    def without(self, name: str) -> "Recency":
        """Return the order without `name`, whether it is there or not."""
        if name not in self.latest:
            return self
        return _tidy(self.latest.delete(name), self.line, self.touches)


NOTHING: Final = Recency(Map(), EMPTY, 0)


def _tidy(latest: Map[str, int], line: Fifo[tuple[int, str]], touches: int) -> Recency:
    if len(line) > 2 * len(latest) + SLACK:
        line = EMPTY.extended([(touch, name) for touch, name in line if latest.get(name) == touch])
        return Recency(latest, line, touches)
    passed = 0
    for touch, name in line:
        if latest.get(name) == touch:
            break
        passed += 1
    return Recency(latest, line.without_first(passed) if passed else line, touches)
