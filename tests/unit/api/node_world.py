"""An API over read models of nodes in memory, which the real fold wrote from commits made by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from storage.memory.nodes import MemoryNodeReads
from storage.memory.projections import MemoryProjectionStore
from streams.projections.nodes.projections import AUDIT, NODES
from streams.projections.nodes.reads import HistoryPage
from streams.projections.nodes.values import NodeChangeRow, NodeRow, ServiceRow
from streams.projections.reads import AsOf
from tests.contract.sinks.filling import fill
from tests.unit.api.world import World
from tests.unit.projections.nodes.spec import WHERE, WORDS, commits
from tests.unit.projections.spec import Moment


class CountedReads(MemoryNodeReads):
    """Counts what loaders ask."""

    def __init__(self, store: MemoryProjectionStore) -> None:
        super().__init__(store)
        self.store = store
        self.asked: Counter[str] = Counter()

    async def nodes_by_name(self, tenant: str, names: Sequence[str]) -> Sequence[NodeRow | None]:
        self.asked["nodes_by_name"] += 1
        return await super().nodes_by_name(tenant, names)

    async def services_by_name(self, tenant: str, names: Sequence[str]) -> Sequence[ServiceRow | None]:
        self.asked["services_by_name"] += 1
        return await super().services_by_name(tenant, names)

    async def node_histories(
        self, tenant: str, wanted: Sequence[HistoryPage]
    ) -> tuple[Sequence[Sequence[NodeChangeRow]], AsOf]:
        self.asked["node_histories"] += 1
        return await super().node_histories(tenant, wanted)


async def node_world(*moments: Moment) -> tuple[World, CountedReads]:
    """Return an API that knows all of these commits."""
    store = MemoryProjectionStore()
    for projection in (NODES, AUDIT):
        await fill(store, projection, WHERE, WORDS, commits(*moments))
    reads = CountedReads(store)
    return World(nodes=reads), reads
