"""Undo: speculative changes to a partition's state, taken back when their commit turns out void.

Every mutation of the state goes through here; what is not committed yet can be undone in reverse order, so the
accepted state needs no second copy.
"""

from typing import Any

_MISSING: Any = object()


class Undo:
    """The changes since the oldest commit that is not yet accepted."""

    __slots__ = ("_steps", "recording")

    def __init__(self) -> None:
        self._steps: list[tuple[Any, Any, Any]] = []
        self.recording = False
        """False while folding accepted records: nothing of those is ever taken back."""

    def put(self, target: dict[Any, Any], key: Any, new: Any) -> None:
        """`target[key] = new`."""
        if self.recording:
            self._steps.append((target, key, target.get(key, _MISSING)))
        target[key] = new

    def drop(self, target: dict[Any, Any], key: Any) -> None:
        """`del target[key]`, if it is there."""
        old = target.pop(key, _MISSING)
        if self.recording and old is not _MISSING:
            self._steps.append((target, key, old))

    def assign(self, target: Any, name: str, new: Any) -> None:
        """`target.name = new`."""
        if self.recording:
            self._steps.append((target, name, getattr(target, name)))
        setattr(target, name, new)

    def mark(self) -> int:
        """Return a savepoint."""
        return len(self._steps)

    def back_to(self, savepoint: int) -> None:
        """Take back everything after `savepoint`, newest first."""
        while len(self._steps) > savepoint:
            target, key, old = self._steps.pop()
            if not isinstance(target, dict):
                setattr(target, key, old)
            elif old is _MISSING:
                target.pop(key, None)
            else:
                target[key] = old

    def forget(self, count: int) -> None:
        """Drop the `count` oldest steps: their commit is accepted and stays."""
        del self._steps[:count]
