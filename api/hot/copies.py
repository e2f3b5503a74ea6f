"""Hot copies of read models, asked with no patience: whoever is away is left alone for a moment, then tried by one."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import structlog

from streams.projections.hot import HotCopy
from streams.projections.ports import Copied, HotStore, RowRefused, SinkError

WITHIN_S = 0.2
"""Who takes longer is away."""
AWAY_S = 1.0
"""For so long after it was away nobody asks; then one does."""


class HotCopies:
    """The copies, as long as they are there."""

    def __init__(self, store: HotStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._again_s: float | None = None
        """When to ask again; None: the store is not away."""
        self._log = structlog.get_logger("tidelock.api.hot")

    async def get(self, asked: Mapping[HotCopy, Sequence[str]]) -> Mapping[HotCopy, Copied] | None:
        """Return what each copy has under its keys, of each at one moment, in one round trip; None: they are away."""
        if self._again_s is not None:
            if self._clock() < self._again_s:
                return None
            self._again_s = self._clock() + AWAY_S  # this one tries; the others need not wait for it
        try:
            async with asyncio.timeout(WITHIN_S):
                found = await self._store.get(asked)
        except RowRefused:
            return None
        except (SinkError, TimeoutError) as error:
            if self._again_s is None:
                self._log.warning(
                    "the hot copies are away; what they tell is read from PostgreSQL, windows not at all",
                    error=str(error),
                )
            self._again_s = self._clock() + AWAY_S
            return None
        if self._again_s is not None:
            self._again_s = None
            self._log.info("the hot copies are back")
        return found
