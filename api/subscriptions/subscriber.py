"""One live subscriber: a queue bounded in count and bytes. Whoever lets it run full is ended, not waited for."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from api.subscriptions.change import Entry
from api.subscriptions.errors import Ended, SubscriberTooSlow
from api.subscriptions.interest import Interest
from streams.domain.value import value

Ending: TypeAlias = Callable[[str | None], Ended]
"""Given the subscriber's last cursor, why it ends."""


@value
class QueueLimits:
    """What one subscriber may leave lying."""

    items: int = 1024
    bytes: int = 4 * 1024 * 1024


def too_slow(cursor: str | None) -> Ended:
    """Return why a subscriber whose queue ran full ends."""
    return SubscriberTooSlow(
        "You read more slowly than changes come. Subscribe again with `after: cursor`, and read faster or watch less.",
        cursor,
    )


class Subscriber:
    """Takes entries from the hub and hands them to whoever sends them on."""

    __slots__ = ("_entries", "_limits", "_wake", "bytes", "ending", "interest")

    def __init__(self, interest: Interest, limits: QueueLimits) -> None:
        self.interest = interest
        self.bytes = 0
        self.ending: Ending | None = None
        self._limits = limits
        self._entries: deque[Entry] = deque()
        self._wake: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, entry: Entry) -> None:
        """Queue `entry`; where there is no room, end."""
        if self.ending is not None:
            return
        size = entry.change.size
        if self._entries and (
            len(self._entries) >= self._limits.items or self.bytes + size > self._limits.bytes
        ):
            self.end(too_slow)
            return
        self._entries.append(entry)
        self.bytes += size
        self._awake()

    def end(self, ending: Ending) -> None:
        """Have it end by `ending`; what is queued is dropped, for its cursor stands before it."""
        if self.ending is None:
            self.ending = ending
            self._entries.clear()
            self.bytes = 0
            self._awake()

    async def next(self, last: str | None) -> Entry:
        """Return the next entry when there is one. Raises `Ended`, with the cursor `last`."""
        while True:
            if self.ending is not None:
                raise self.ending(last)
            if self._entries:
                entry = self._entries.popleft()
                self.bytes -= entry.change.size
                return entry
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None

    def _awake(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
