"""Where the logs end, asked for apart from the reading of them: what lags, and what stands still, is judged by it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import TypeAlias

from streams.log.ports import LogUnavailable
from streams.log.positions import PartitionId

LOOK_S = 1.0

LookUp: TypeAlias = Callable[[Collection[PartitionId]], Awaitable[Mapping[PartitionId, int]]]
"""Returns the end offset of each log. Raises `LogUnavailable`."""


class Ends:
    """The ends as they were a moment ago."""

    def __init__(self, look_up: LookUp, wheres: Callable[[], Collection[PartitionId]]) -> None:
        self.known: Mapping[PartitionId, int] = {}
        self.seen_s: float | None = None
        """When (monotonic) they were last told."""
        self._look_up, self._wheres = look_up, wheres

    async def run(self) -> None:
        """Keep them up to date, until cancelled."""
        while True:
            with suppress(LogUnavailable):  # what is known stays known
                self.known = await self._look_up(list(self._wheres()))
                self.seen_s = time.monotonic()
            await asyncio.sleep(LOOK_S)
