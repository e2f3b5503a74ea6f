"""How fast builds are made beside the live ones: so many decisions a second, and after whatever is live and behind."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from streams.ops.backoff import Pause

Pace: TypeAlias = Callable[[int], Awaitable[None]]
"""Waits until so many decisions more may be folded."""

YIELD_S: Final = 0.1
YIELDS: Final = 50
"""A build goes on, a stretch at a time, however long something live is behind: what stands still seems broken."""


async def full_speed(_: int) -> None:
    """Wait for nothing."""


class BuildPace:
    """The pace of all builds that one process makes, together."""

    def __init__(
        self,
        decisions_per_s: int,
        live_is_behind: Callable[[], bool],
        pause: Pause = asyncio.sleep,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`decisions_per_s`: 0 for as fast as it goes."""
        self._per_s, self._live_is_behind = decisions_per_s, live_is_behind
        self._pause, self._now_s = pause, now_s
        self._free_s = 0.0

    async def __call__(self, decisions: int) -> None:
        """Wait for a turn."""
        for _ in range(YIELDS):
            if not self._live_is_behind():
                break
            await self._pause(YIELD_S)
        if not self._per_s:
            return
        now_s = self._now_s()
        self._free_s = max(self._free_s, now_s) + max(1, decisions) / self._per_s
        await self._pause(self._free_s - now_s)
