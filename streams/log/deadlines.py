"""Deadlines: which key is due next. Derived from the keys' states, so it is not part of the fold."""

from heapq import heapify, heappop, heappush

from streams.domain.decider import LeaseMs


class Deadlines:
    """A heap of (deadline, key) with at most one live entry a key; a later deadline waits for the earlier entry."""

    __slots__ = ("_at", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[LeaseMs, str]] = []
        self._at: dict[str, LeaseMs] = {}

    def schedule(self, key: str, deadline: LeaseMs) -> None:
        """See to it that `key` comes up no later than `deadline`."""
        known = self._at.get(key)
        if known is None or deadline < known:
            self._at[key] = deadline
            heappush(self._heap, (deadline, key))

    def next(self) -> LeaseMs | None:
        """Return when the next key comes up (it may turn out not to be due), or None."""
        heap, at = self._heap, self._at
        while heap and at.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def next_key(self) -> str | None:
        """Return the key that comes up next, or None."""
        return None if self.next() is None else self._heap[0][1]

    def pop(self, now: LeaseMs) -> str | None:
        """Return and forget a key that comes up by `now`, or None."""
        deadline = self.next()
        if deadline is None or deadline > now:
            return None
        _, key = heappop(self._heap)
        del self._at[key]
        return key

    def rebuild(self, entries: "list[tuple[LeaseMs, str]]") -> None:
        """Start over from (deadline, key) pairs."""
        self._at = {key: deadline for deadline, key in entries}
        self._heap = list(entries)
        heapify(self._heap)
