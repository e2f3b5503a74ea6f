"""An API over read models of queues in memory, which the real fold wrote from commits made by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from storage.memory.projections import MemoryProjectionStore
from storage.memory.queues import MemoryQueueReads
from streams.projections.queues.projections import AUDIT, QUEUES
from streams.projections.queues.reads import Biography, BiographyPage, QueueRow, WindowRow
from streams.projections.reads import AsOf
from tests.contract.sinks.filling import fill
from tests.unit.api.world import World
from tests.unit.projections.queues.spec import WHERE, WORDS, commits
from tests.unit.projections.spec import Moment


class CountedReads(MemoryQueueReads):
    """Counts what loaders ask."""

    def __init__(self, store: MemoryProjectionStore) -> None:
        super().__init__(store)
        self.store = store
        self.asked: Counter[str] = Counter()

    async def queues(self, *asked: Any, whole: bool = True) -> tuple[Sequence[QueueRow], AsOf]:
        self.asked["whole queues" if whole else "queues"] += 1
        return await super().queues(*asked, whole=whole)

    async def queues_by_name(
        self, tenant: str, names: Sequence[str], *, whole: bool = True
    ) -> Sequence[QueueRow | None]:
        self.asked["whole queues_by_name" if whole else "queues_by_name"] += 1
        return await super().queues_by_name(tenant, names, whole=whole)

    async def biographies(
        self, tenant: str, wanted: Sequence[BiographyPage]
    ) -> tuple[Sequence[Biography], AsOf]:
        self.asked["biographies"] += 1
        return await super().biographies(tenant, wanted)

    async def windows(
        self, tenant: str, queues: Sequence[str], from_ms: int, to_ms: int
    ) -> Mapping[str, Sequence[WindowRow]]:
        self.asked["windows"] += 1
        return await super().windows(tenant, queues, from_ms, to_ms)


async def queue_world(*moments: Moment) -> tuple[World, CountedReads]:
    """Return an API that knows all of these commits."""
    store = MemoryProjectionStore()
    for projection in (QUEUES, AUDIT):
        await fill(store, projection, WHERE, WORDS, commits(*moments))
    reads = CountedReads(store)
    return World(queues=reads), reads
