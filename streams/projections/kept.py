"""Where each read model is kept, as one store: rows in PostgreSQL, or a table on its changelog."""

from collections.abc import Mapping
from typing import Protocol

from streams.log.checkpoint import Checkpoint
from streams.log.positions import PartitionId
from streams.projections.ports import Loaded, ProjectionStore
from streams.projections.projection import Projection
from streams.projections.table import Changes, Key, Row, Table


class TableStore(ProjectionStore, Protocol):
    """Tables, which the process that has a partition holds in memory."""

    async def held(self, projection: Projection) -> Mapping[PartitionId, Checkpoint]:
        """Return how far the partitions are that are loaded here, and that nobody else wrote since."""

    def rows(self, projection: Projection, where: PartitionId, table: Table) -> Mapping[Key, Row] | None:
        """Return the rows of a table that is loaded here; None: it is not."""


class KeptWhereItSays:
    """A `ProjectionStore` that hands each read model to the one that it names."""

    def __init__(self, rows: ProjectionStore, tables: TableStore) -> None:
        self._rows, self._tables = rows, tables

    def _of(self, projection: Projection) -> ProjectionStore:
        return self._tables if projection.kept == "table" else self._rows

    async def load(self, projection: Projection, where: PartitionId) -> Loaded:
        """Return the checkpoint and the rows to restore."""
        return await self._of(projection).load(projection, where)

    async def write(
        self,
        projection: Projection,
        where: PartitionId,
        expected: Checkpoint,
        reached: Checkpoint,
        changes: Changes,
    ) -> None:
        """Write rows and checkpoint, if the stored checkpoint is still `expected`."""
        await self._of(projection).write(projection, where, expected, reached, changes)

    async def rehearse(
        self, projection: Projection, where: PartitionId, expected: Checkpoint, changes: Changes
    ) -> None:
        """Find out whether `write` would take the rows."""
        await self._of(projection).rehearse(projection, where, expected, changes)

    async def reset(self, projection: Projection) -> None:
        """Make an end of what is built."""
        await self._of(projection).reset(projection)

    async def positions(self, projection: Projection) -> Mapping[PartitionId, Checkpoint]:
        """Return how far each partition is."""
        return await self._of(projection).positions(projection)

    async def release(self, projection: Projection, where: PartitionId) -> None:
        """Forget what was loaded."""
        await self._of(projection).release(projection, where)


class AsHeldHere(KeptWhereItSays):
    """The same for a process that asks often, and only for what it has: others' tables would have to be read."""

    async def positions(self, projection: Projection) -> Mapping[PartitionId, Checkpoint]:
        """Return how far each partition is; of a table, those that are loaded here and that are as they were left."""
        if projection.kept == "table":
            return await self._tables.held(projection)
        return await self._rows.positions(projection)
