"""What must be looked at again once the wall mark has passed a second. Undone with the fold that wrote it down.

What lies far ahead costs nothing: passing time takes as long as seconds have passed, or as there are entries.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

from streams.log.undo import Undo

_T = TypeVar("_T")


class Agenda(Generic[_T]):
    """Items by second. None lies before `passed`."""

    __slots__ = ("_due", "_undo", "passed")

    def __init__(self, undo: Undo) -> None:
        self.passed = 0
        """Every second before this one is over."""
        self._due: dict[int, dict[_T, None]] = {}
        self._undo = undo

    def __len__(self) -> int:
        return len(self._due)

    def put(self, second: int, item: _T) -> None:
        """Write `item` down, once a second; for a second that is over, the one that is not yet."""
        second = max(second, self.passed)
        items = self._due.get(second)
        if items is None:
            items = {}
            self._undo.put(self._due, second, items)
        if item not in items:
            self._undo.put(items, item, None)

    def take_before(self, second: int) -> Iterator[_T]:
        """Take out all that was written down for the seconds before `second`, which are over from now on."""
        passed, due = self.passed, self._due
        if second <= passed:
            return
        self._undo.assign(self, "passed", second)
        over = range(passed, second) if second - passed <= len(due) else sorted(s for s in due if s < second)
        for each in over:
            items = due.get(each)
            if items is not None:
                self._undo.drop(due, each)
                yield from items
