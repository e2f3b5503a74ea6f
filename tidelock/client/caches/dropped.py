"""Evicted lines of which the directory has yet to hear: some at once, fewer with the next Listen."""

from collections import deque
from itertools import islice
from typing import Final

from streams.domain.caches.commands import LineRef

TELL_AT: Final = 100
"""So many are told at once."""


class Dropped:
    """Lines to be told, oldest first."""

    def __init__(self) -> None:
        self._lines: deque[LineRef] = deque()

    def add(self, entry: str, token: int) -> bool:
        """Note a line; say whether there are enough to be told now."""
        self._lines.append(LineRef(entry, token))
        return len(self._lines) % TELL_AT == 0

    def take(self, most: int) -> tuple[LineRef, ...]:
        """Return, and forget, the oldest."""
        taken = tuple(islice(self._lines, most))
        for _ in taken:
            self._lines.popleft()
        return taken

    def put(self, lines: tuple[LineRef, ...]) -> None:
        """They were not told after all."""
        self._lines.extend(lines)

    def clear(self) -> None:
        """The attachment is over: nobody needs to hear."""
        self._lines.clear()
