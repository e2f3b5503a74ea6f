"""Commands that wait for their decision, in order, and how many bytes they took on the way here."""

from collections import deque
from collections.abc import Iterator

from streams.engine.pending import Pending


class Backlog:
    """A queue that knows its bytes. Both ends are O(1)."""

    __slots__ = ("_commands", "bytes")

    def __init__(self) -> None:
        self._commands: deque[Pending] = deque()
        self.bytes = 0
        """What the queued commands took as they came in; decoded they may take more."""

    def __len__(self) -> int:
        return len(self._commands)

    def __iter__(self) -> Iterator[Pending]:
        return iter(self._commands)

    def append(self, pending: Pending) -> None:
        """Put `pending` last."""
        self.bytes += pending.size
        self._commands.append(pending)

    def appendleft(self, pending: Pending) -> None:
        """Put `pending` first."""
        self.bytes += pending.size
        self._commands.appendleft(pending)

    def popleft(self) -> Pending:
        """Take the first one."""
        pending = self._commands.popleft()
        self.bytes -= pending.size
        return pending

    def clear(self) -> None:
        """Forget all of them."""
        self._commands.clear()
        self.bytes = 0
