"""How far all read models of all kinds are: `streams.projections.reads.Standings` on PostgreSQL."""

from collections.abc import Sequence
from typing import LiteralString

from storage.postgres.asking import Asking
from storage.postgres.pool import Connections
from streams.projections.reads import ProjectedRow, Stand

_ALL: LiteralString = """
    SELECT projection, kind, partition, next_offset, time_ms, head
    FROM tidelock.checkpoints WHERE live ORDER BY kind, projection, partition"""


class PostgresStandings:
    """The checkpoints of all read models."""

    def __init__(self, pool: Connections) -> None:
        self._asking = Asking(pool, "")

    async def projected(self) -> Sequence[ProjectedRow]:
        """Return how far each partition of each projection is."""
        rows = await self._asking.rows(_ALL, {})
        return [ProjectedRow(name, Stand(*stand)) for name, *stand in rows]
