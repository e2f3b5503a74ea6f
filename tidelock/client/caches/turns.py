"""One at a time an entry: the writes of one client keep their order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Who may go, by entry: first come, first served. Entries that nobody wants take no room."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    def __contains__(self, entry: str) -> bool:
        return entry in self._waiting

    @asynccontextmanager
    async def of(self, entry: str) -> AsyncIterator[None]:
        """Have the turn for a block."""
        waiting = self._waiting.get(entry)
        if waiting is None:
            self._waiting[entry] = deque()
        else:
            await self._queue(entry, waiting)
        try:
            yield
        finally:
            self._next(entry)

    async def _queue(self, entry: str, waiting: deque[asyncio.Future[None]]) -> None:
        turn = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._next(entry)  # it came at the same moment
            raise

    def _next(self, entry: str) -> None:
        waiting = self._waiting[entry]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():  # else its caller is gone
                turn.set_result(None)
                return
        del self._waiting[entry]
