"""The lines that a client keeps of one shard: least recently used first, bounded by entries and bytes.

An `OrderedDict` and a sum, not `cachetools`: a line that is written back must stay until the answer, and a hit must not
pass through Python code of a mapping. Times are seconds of the client's clock. No I/O.
"""

import asyncio
from collections import OrderedDict, deque
from typing import Any, Final

from streams.domain.caches.commands import LineState
from tidelock.client.clock import Timer

NEVER: Final = float("-inf")
EVER: Final = float("inf")
MAX_TOUCHED: Final = 1_000
"""Uses on other threads that are remembered until the next look at what was used least."""


class Line:
    """One entry as this client may use it."""

    __slots__ = (
        "changed", "ends_s", "entry", "local", "renewal", "settling", "size", "state", "tags", "token", "ttl_ms",
        "until_s", "value", "version", "written_s",
    )  # fmt: skip

    def __init__(
        self,
        entry: str,
        value: Any,
        size: int,
        state: LineState,
        token: int,
        version: int,
        ends_s: float,
        tags: tuple[str, ...] = (),
        ttl_ms: int = -1,
    ) -> None:
        self.entry = entry
        self.value = value
        self.size = size
        """Bytes of the value as it is written."""
        self.state: LineState = state
        self.token = token
        """Of the event that granted it."""
        self.version = version
        """Of the value that the directory has."""
        self.ends_s = ends_s
        """Until when it may be used here: the entry's own end; not at all while it is written back."""
        self.until_s = NEVER
        """The entry's own end, while it is written back."""
        self.tags = tags
        self.ttl_ms = ttl_ms
        """With which tags and time it was written here; of use while it is Modified."""
        self.local = 0
        """How often it was written here since the directory got its value."""
        self.changed: bytes | None = None
        """What was written to it and the directory has not got."""
        self.written_s = 0.0
        """When."""
        self.renewal: Timer | None = None
        """Writes it back in time: what is only here ends with the entry."""
        self.settling: asyncio.Future[None] | None = None
        """Done when the write-back that is under way is."""

    def renew_no_more(self) -> None:
        """It is being written back, or lost."""
        if self.renewal is not None:
            self.renewal.cancel()
            self.renewal = None


class Lines:
    """The lines of one shard."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self.by_entry: OrderedDict[str, Line] = OrderedDict()
        """Least recently used first."""
        self.bytes = 0
        self._touched: deque[str] = deque(maxlen=MAX_TOUCHED)
        self._max_entries = max_entries
        self._max_bytes = max_bytes

    def __len__(self) -> int:
        return len(self.by_entry)

    def fits(self, size: int) -> bool:
        """Say whether a value of so many bytes can be kept at all."""
        return self._max_entries > 0 and size <= self._max_bytes

    def put(self, line: Line) -> None:
        """Keep a line instead of the one of its entry that is there; it is the most recently used."""
        self.pop(line.entry)
        self.by_entry[line.entry] = line
        self.bytes += line.size

    def pop(self, entry: str) -> Line | None:
        """Forget the line of an entry, and return it."""
        line = self.by_entry.pop(entry, None)
        if line is not None:
            self.bytes -= line.size
        return line

    def touch_elsewhere(self, entry: str) -> None:
        """Note a use on another thread, which must not move lines itself: this one may be going through them."""
        self._touched.append(entry)

    def _move_touched(self) -> None:
        for _ in range(len(self._touched)):
            entry = self._touched.popleft()
            if entry in self.by_entry:
                self.by_entry.move_to_end(entry)

    def resize(self, line: Line, size: int) -> None:
        """Learn that the value of a line that is here has another size."""
        self.bytes += size - line.size
        line.size = size

    def surplus(self) -> list[Line]:
        """Return the lines that must go, least recently used first; not those that are on their way back already."""
        self._move_touched()
        entries, size, found = (
            len(self.by_entry) - self._max_entries,
            self.bytes - self._max_bytes,
            list[Line](),
        )
        for line in self.by_entry.values():
            if entries <= 0 and size <= 0:
                break
            entries, size = entries - 1, size - line.size
            if line.settling is None:
                found.append(line)
        return found

    def modified(self) -> list[Line]:
        """Return the lines that are held Modified."""
        return [line for line in self.by_entry.values() if line.state == "MODIFIED"]

    def clear(self) -> list[Line]:
        """Forget all lines, and return them."""
        lines = list(self.by_entry.values())
        self.by_entry.clear()
        self.bytes = 0
        return lines
