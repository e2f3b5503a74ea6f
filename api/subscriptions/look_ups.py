"""Look-ups in read models for those who begin to watch: a few at a time, so that queries keep the other connections."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from api.errors import ApiError
from streams.projections.reads import ReadsUnavailable, ReadTooSlow

AT_A_TIME = 4
WAIT_S = 10.0
"""How long one may wait for its turn."""
RETRY_MS = 1000
T = TypeVar("T")


class LookUps:
    """The turns of one process and kind."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_A_TIME)

    async def ask(self, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the answer. Raises `ApiError`: worth a retry."""
        try:
            async with self._turn():
                return await question()
        except (ReadsUnavailable, ReadTooSlow) as error:
            raise ApiError(str(error), code=error.code, retry_after_ms=RETRY_MS) from error

    @asynccontextmanager
    async def _turn(self) -> Any:
        """Wait for a turn, not for ever. Raises `ReadsUnavailable`."""
        try:
            async with asyncio.timeout(WAIT_S):
                await self._turns.acquire()
        except TimeoutError:
            raise ReadsUnavailable(
                "The read models are slow, and too many wait for them. Try again, or another node."
            ) from None
        try:
            yield
        finally:
            self._turns.release()
