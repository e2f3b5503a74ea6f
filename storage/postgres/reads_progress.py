"""`streams.projections.locks.reads.Progress` by LISTEN: nothing is polled while somebody waits.

Positions are told by NOTIFY, after the commit that moved them; they are read once at each connect, because what was
told before is lost.
"""

import asyncio
from contextlib import suppress

import psycopg
from psycopg import AsyncConnection

from storage.postgres.pool import PoolSettings, bounded
from streams.log.positions import PartitionId
from streams.projections.floor import need

CHANNEL = "tidelock_projected"
_POSITIONS = "SELECT projection, kind, partition, next_offset FROM tidelock.checkpoints WHERE live"
FIRST_PAUSE_S = 0.1
LAST_PAUSE_S = 2.0

_At = tuple[str, PartitionId]


class PostgresProgress:
    """Listens on a connection of its own, as long as it is open."""

    def __init__(self, url: str, settings: PoolSettings) -> None:
        self._url = bounded(url, settings)
        self._next: dict[_At, int] = {}
        self._waiting: dict[_At, set[tuple[int, asyncio.Future[bool]]]] = {}
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._listen(), name="progress of projections")

    async def close(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def reach(self, projection: str, where: PartitionId, next_offset: int, within_s: float) -> bool:
        """Return whether the projection is at `next_offset` or further, as soon as it is: the request's floor."""
        reached = await self._reached_within(projection, where, next_offset, within_s)
        if reached:
            need(projection, where, next_offset)
        return reached

    async def _reached_within(
        self, projection: str, where: PartitionId, next_offset: int, within_s: float
    ) -> bool:
        at = (projection, where)
        if self._next.get(at, 0) >= next_offset:
            return True
        if within_s <= 0:
            return False
        waiting = self._waiting.setdefault(at, set())
        reached: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        entry = (next_offset, reached)
        waiting.add(entry)
        try:
            async with asyncio.timeout(within_s):
                return await reached
        except TimeoutError:
            return False
        finally:
            waiting.discard(entry)
            if not waiting:
                self._waiting.pop(at, None)

    async def _listen(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async with await AsyncConnection.connect(self._url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    for projection, kind, partition, offset in await (
                        await connection.execute(_POSITIONS)
                    ).fetchall():
                        self._reached(projection, PartitionId(kind, partition), offset)
                    pause_s = FIRST_PAUSE_S
                    async for told in connection.notifies():
                        self._told(told.payload)
            except (psycopg.Error, OSError):
                self._next.clear()  # a server that crashed may have gone back
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LAST_PAUSE_S)

    def _told(self, payload: str) -> None:
        projection, where, offset = payload.split(" ")
        kind, _, partition = where.partition("/")
        self._reached(projection, PartitionId(kind, int(partition)), int(offset))

    def _reached(self, projection: str, where: PartitionId, next_offset: int) -> None:
        """A rebuild goes back to the beginning: what was told last counts."""
        at = (projection, where)
        self._next[at] = next_offset
        for wanted, future in tuple(self._waiting.get(at, ())):
            if next_offset >= wanted and not future.done():
                future.set_result(True)
