"""`LogMarks` on PostgreSQL: places from which a log can be read on, left behind by whoever wrote read models."""

from typing import Any, LiteralString

from storage.postgres.errors import translated
from storage.postgres.pool import Pool
from streams.log.checkpoint import START, Checkpoint, decode_checkpoint
from streams.log.positions import PartitionId

_ALL = "SELECT checkpoint FROM tidelock.log_marks WHERE kind = %s AND partition = %s "
_IN_ORDER: LiteralString = _ALL + "ORDER BY next_offset"
_BEFORE: LiteralString = _ALL + "AND next_offset <= %s ORDER BY next_offset DESC LIMIT 1"
_BEFORE_TIME: LiteralString = _ALL + "AND time_ms < %s ORDER BY next_offset DESC LIMIT 1"


class PostgresLogMarks:
    """The trail of checkpoints in `tidelock.log_marks`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def marks(self, where: PartitionId) -> list[Checkpoint]:
        """Return all of a partition, in order."""
        return await self._found(_IN_ORDER, where)

    async def mark_before(self, where: PartitionId, offset: int) -> Checkpoint:
        """Return the latest from which reading on comes to the record at `offset`."""
        return next(iter(await self._found(_BEFORE, where, offset)), START)

    async def mark_before_time(self, where: PartitionId, time_ms: int) -> Checkpoint:
        """Return the latest from which reading on comes to every record of `time_ms` or later."""
        return next(iter(await self._found(_BEFORE_TIME, where, time_ms)), START)

    async def _found(self, statement: LiteralString, where: PartitionId, *bound: int) -> list[Checkpoint]:
        parameters: tuple[Any, ...] = (where.kind, where.partition, *bound)
        with translated(f"marks of {where}"):
            async with self._pool.connection() as connection:
                found = await connection.execute(statement, parameters)
                return [decode_checkpoint(stored) for (stored,) in await found.fetchall()]
