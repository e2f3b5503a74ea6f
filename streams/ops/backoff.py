"""Pauses between attempts: longer and longer, with jitter, for ever."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeAlias

Pause: TypeAlias = Callable[[float], Awaitable[None]]
Jitter: TypeAlias = Callable[[], float]
"""Returns a number from 0 to 1."""


class Backoff:
    """Doubles from `first_s` to `longest_s`; each pause is between half of that and all of it."""

    def __init__(
        self,
        first_s: float,
        longest_s: float,
        pause: Pause = asyncio.sleep,
        jitter: Jitter = random.random,
    ) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._pause, self._jitter = pause, jitter
        self._next_s = first_s
        self.attempts = 0
        """Pauses since the last success."""

    def succeeded(self) -> None:
        """Begin anew with the shortest pause."""
        self.attempts, self._next_s = 0, self._first_s

    async def pause(self) -> None:
        """Wait before the next attempt."""
        self.attempts += 1
        now_s, self._next_s = self._next_s, min(self._next_s * 2, self._longest_s)
        await self._pause(now_s * (0.5 + self._jitter() / 2))
