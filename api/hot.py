"""Locks from their hot copy, which costs PostgreSQL nothing. What it cannot tell is to be read there.

A copy tells the same as the read model, and says where it stands; it may be lost, away or behind at any time. It is
taken only where it stands as far on as this node has heard the read model to be: so an answer after `notBefore` has
what was asked for, wherever it comes from. It has no waiters' details.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import structlog

from streams.log.positions import PartitionId
from streams.projections.hot import TIME, hot_key, row_of
from streams.projections.locks.reads import KIND, LockRow, free_lock
from streams.projections.locks.tables import LOCKS
from streams.projections.ports import HotStore, RowRefused, SinkError
from streams.projections.reads import AsOf, Progress, Stand

WITHIN_S = 0.2
"""Who takes longer is away."""
AWAY_S = 1.0
"""For so long after it was away nobody asks; then one does."""


class HotLocks:
    """Locks by name, as far as the hot copies tell."""

    def __init__(
        self, store: HotStore, progress: Progress, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._progress, self._clock = store, progress, clock
        self._again_s: float | None = None
        """When to ask again; None: the store is not away."""
        self._log = structlog.get_logger("tidelock.api.hot")

    async def locks_by_name(
        self, tenant: str, partition: int, names: Sequence[str]
    ) -> Mapping[str, LockRow] | None:
        """Return the locks of one partition, free ones too, in one round trip; None: the copy cannot tell."""
        where = PartitionId(KIND, partition)
        keys = [hot_key((partition, tenant, name)) for name in names]
        found = await self._asked(where, [TIME, *keys])
        if found is None:
            return None
        at, rows = found
        if not at or TIME not in rows or await self._progress.reach(LOCKS.name, where, at + 1, 0):
            return None
        try:
            as_of = AsOf((Stand(KIND, partition, at, int(rows[TIME])),))
            return {
                name: _lock(rows[key], as_of) if key in rows else free_lock(partition, name, as_of)
                for name, key in zip(names, keys, strict=True)
            }
        except ValueError as error:
            self._log.error("a row of a hot copy cannot be read", partition=str(where), error=str(error))
            return None

    async def _asked(
        self, where: PartitionId, keys: Sequence[str]
    ) -> tuple[int | None, Mapping[str, str]] | None:
        if self._again_s is not None:
            if self._clock() < self._again_s:
                return None
            self._again_s = self._clock() + AWAY_S  # this one tries; the others need not wait for it
        try:
            async with asyncio.timeout(WITHIN_S):
                found = await self._store.get(LOCKS, where, keys)
        except RowRefused:
            return None
        except (SinkError, TimeoutError) as error:
            if self._again_s is None:
                self._log.warning("the hot copies are away; locks are read from PostgreSQL", error=str(error))
            self._again_s = self._clock() + AWAY_S
            return None
        if self._again_s is not None:
            self._again_s = None
            self._log.info("the hot copies are back")
        return found


def _lock(text: str, as_of: AsOf) -> LockRow:
    """Return the lock that `hot_row` wrote. Raises `ValueError`."""
    (
        partition, _, name, mode, holders, waiters, delay, token, held, waiting, _, since_ms, changed, changed_ms,
    ) = row_of(LOCKS, text)  # fmt: skip
    return LockRow(
        partition, name, mode, holders, waiters, delay, token, held, waiting, since_ms, changed, changed_ms, as_of
    )  # fmt: skip
