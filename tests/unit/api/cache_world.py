"""An API over read models of caches in memory, which the real fold wrote from a log by the real decider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from api.values import LoggedValues
from storage.memory.caches import MemoryCacheReads
from storage.memory.log import MemoryTopic
from storage.memory.projections import MemoryProjectionStore
from streams.log.checkpoint import START, Checkpoint
from streams.log.ports import TopicReader
from streams.log.positions import PartitionId
from streams.projections.caches.projections import AUDIT, CACHES
from streams.projections.caches.reads import WindowRow
from tests.contract.sinks.toys import at as checkpoint
from tests.unit.api.test_resources import Clock
from tests.unit.api.world import World
from tests.unit.projections.caches.spec import WHERE, WORDS, Told


class CountedReads(MemoryCacheReads):
    """Counts what loaders ask."""

    def __init__(self, store: MemoryProjectionStore) -> None:
        super().__init__(store)
        self.asked: Counter[str] = Counter()

    async def windows(
        self, tenant: str, caches: Sequence[str], from_ms: int, to_ms: int
    ) -> Mapping[str, Sequence[WindowRow]]:
        self.asked["windows"] += 1
        return await super().windows(tenant, caches, from_ms, to_ms)


class NoMarks:
    """Logs are read from their beginning."""

    async def marks(self, where: PartitionId) -> list[Checkpoint]:
        return []

    async def mark_before(self, where: PartitionId, offset: int) -> Checkpoint:
        return START

    async def mark_before_time(self, where: PartitionId, time_ms: int) -> Checkpoint:
        return START


class CacheWorld:
    """The API, its read models and the log."""

    def __init__(self, told: Told) -> None:
        self.topic = MemoryTopic(Clock())
        for record in told.records:
            self.topic.append(record.value)
        store = MemoryProjectionStore()
        self.reads = CountedReads(store)
        self.store = store
        values = LoggedValues(WORDS, self._log, NoMarks())
        self.api = World(caches=self.reads, values=values)

    def _log(self, where: PartitionId) -> TopicReader:
        assert where == WHERE
        return self.topic


async def cache_world(told: Told) -> CacheWorld:
    """Return an API that knows all that was told."""
    world = CacheWorld(told)
    for projection in (CACHES, AUDIT):
        fold, expected = projection.fold(WHERE, WORDS), START
        for accepted in told.commits:
            fold.commit(accepted)
            reached = checkpoint(accepted.offset + 1, time_ms=accepted.time_ms)
            await world.store.write(projection, WHERE, expected, reached, fold.take())
            expected = reached
    return world
