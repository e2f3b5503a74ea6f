"""Commands that wait a little to be decided together: heartbeats, up to 250 ms, one group a type and tenant."""

from streams.engine.pending import Pending

MOST = 500
"""Commands that are decided as one."""


class Gather:
    """Coalesced commands, by type and tenant, and when each group is due."""

    __slots__ = ("_groups", "_pace_ms", "bytes", "size")

    def __init__(self, pace_ms: int) -> None:
        self._pace_ms = pace_ms
        self._groups: dict[tuple[type, str], tuple[int, list[Pending]]] = {}
        self.size = 0
        self.bytes = 0

    def add(self, pending: Pending, now_ms: int) -> bool:
        """Put `pending` with its like; return whether it is the first of them, so that there is a time to wait for."""
        self.size += 1
        self.bytes += pending.size
        key = (type(pending.command), pending.meta.tenant)
        group = self._groups.get(key)
        if group is not None:
            group[1].append(pending)
            return False
        self._groups[key] = (now_ms + self._pace_ms, [pending])
        return True

    def next_ms(self, now_ms: int) -> int | None:
        """Return in how many milliseconds the first group is due, or None."""
        return min((due - now_ms for due, _ in self._groups.values()), default=None)

    def due(self, now_ms: int) -> list[tuple[Pending, ...]]:
        """Take out the groups that are due, in parts that one decision holds."""
        ready = [key for key, (due, _) in self._groups.items() if due <= now_ms]
        return [
            group[at : at + MOST] for group in map(self._take, ready) for at in range(0, len(group), MOST)
        ]

    def take_all(self) -> list[Pending]:
        """Take out everything."""
        return [pending for key in list(self._groups) for pending in self._take(key)]

    def _take(self, key: tuple[type, str]) -> tuple[Pending, ...]:
        _, group = self._groups.pop(key)
        self.size -= len(group)
        self.bytes -= sum(pending.size for pending in group)
        return tuple(group)
