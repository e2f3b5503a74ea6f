"""Reads from a standby (a streaming replica) where it will do, and from the primary otherwise.

A standby will do for a request whose floor (`streams.projections.floor`) it has reached. How far it is, is looked up at
most every `LOOK_S`, and only for requests that name a position. One that is away, busy or silent
costs nobody an answer: the primary gives it.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import psycopg
import structlog
from psycopg import AsyncConnection, errors
from psycopg_pool import PoolTimeout, TooManyRequests

from storage.postgres.pool import Connections, StandbyLost
from streams.log.positions import PartitionId
from streams.projections.floor import ReadModelAt, needed

LOOK_S: Final = 0.2
AWAY_S: Final = 5.0
"""For so long after it failed nobody asks it; then one does."""
_POSITIONS: Final = "SELECT projection, kind, partition, next_offset FROM tidelock.checkpoints WHERE live"


class WithStandby:
    """Connections for reads: see the module."""

    def __init__(
        self, primary: Connections, standby: Connections, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._primary, self._standby, self._clock = primary, standby, clock
        self._known: dict[ReadModelAt, int] = {}
        self._looked_s = float("-inf")
        self._again_s: float | None = None
        """When to ask it again; None: it is not away."""
        self._lent = 0
        """Connections to the standby that are in use."""
        self.asked = 0
        """How often the standby was asked."""
        self._log = structlog.get_logger("tidelock.postgres.standby")

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection. Raises `StandbyLost` if the standby is what failed: ask again."""
        floor = needed()
        async with AsyncExitStack() as lent:
            connection = None if floor is None else await self._of_standby(floor, lent)
            if connection is None:
                yield await lent.enter_async_context(self._primary.connection())
                return
            try:
                self.asked += 1
                yield connection
            except errors.QueryCanceled:
                raise  # the question takes too long, wherever it is asked
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                self._failed(error)
                raise StandbyLost(str(error)) from error
        self._answered()

    async def _of_standby(
        self, floor: Mapping[ReadModelAt, int], lent: AsyncExitStack
    ) -> AsyncConnection | None:
        """Return a connection to the standby, or None: it is not to be asked."""
        if self._again_s is not None and self._clock() < self._again_s:
            return None
        looks = bool(floor) and self._clock() - self._looked_s > LOOK_S
        if not looks and not self._has(floor):
            return None
        if self._again_s is not None:
            self._again_s = self._clock() + AWAY_S  # this one tries; the others need not wait for it
        try:
            connection = await self._borrowed(lent)
            if looks:
                await self._look(connection)
                self._answered()  # also if it does not know enough for this one
            if self._has(floor):
                return connection
        except (PoolTimeout, TooManyRequests) as error:
            if not self._lent:  # nobody has one, and none is to be had: it is not busy, but away
                self._failed(error)
        except (psycopg.Error, OSError) as error:
            self._failed(error)
        await lent.aclose()  # before the primary is asked
        return None

    async def _borrowed(self, lent: AsyncExitStack) -> AsyncConnection:
        connection = await lent.enter_async_context(self._standby.connection())
        self._lent += 1
        lent.callback(self._give_back)
        return connection

    def _give_back(self) -> None:
        self._lent -= 1

    async def _look(self, connection: AsyncConnection) -> None:
        self._looked_s = self._clock()
        found = await connection.execute(_POSITIONS)
        self._known = {
            (projection, PartitionId(kind, partition)): next_offset
            for projection, kind, partition, next_offset in await found.fetchall()
        }

    def _has(self, floor: Mapping[ReadModelAt, int]) -> bool:
        return all(self._known.get(at, 0) >= wanted for at, wanted in floor.items())

    def _failed(self, error: Exception) -> None:
        if self._again_s is None:
            self._log.warning("the standby is away; the primary is asked", error=str(error))
        self._again_s = self._clock() + AWAY_S

    def _answered(self) -> None:
        if self._again_s is not None:
            self._again_s = None
            self._log.info("the standby is back")
