"""A read model in memory that the real fold writes from `Logs`. Not a test itself."""

from __future__ import annotations

import asyncio

from storage.memory.projections import MemoryProjectionStore
from streams.log.accepted import CommitReader
from streams.log.positions import PartitionId
from streams.projections.projection import Projection
from tests.unit.api_subscriptions.world import Logs


class ReadModel:
    """The read model of all partitions, as far as `project` got; it says so to whoever waits."""

    def __init__(self, logs: Logs, projection: Projection) -> None:
        self._logs, self._projection = logs, projection
        self.store = MemoryProjectionStore()
        self._readers = {where: CommitReader(where, logs.words) for where in logs.wheres}
        self._folds = {where: projection.fold(where, logs.words) for where in logs.wheres}
        self._moved = asyncio.Event()

    async def project(self) -> None:
        """Take in everything that there is."""
        for where, reader in self._readers.items():
            for stored in self._logs.topics[where].records[reader.next_offset :]:
                before = reader.checkpoint
                commit = reader.read(stored)
                fold = self._folds[where]
                if commit is not None:
                    fold.commit(commit)
                await self.store.write(self._projection, where, before, reader.checkpoint, fold.take())
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def reach(self, projection: str, where: PartitionId, next_offset: int, within_s: float) -> bool:
        assert projection == self._projection.name
        while self._readers[where].next_offset < next_offset:
            await self._moved.wait()
        return True
