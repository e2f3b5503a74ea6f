"""What the loaders of nodes and services ask, each name once."""

from collections.abc import Sequence
from functools import partial

from api.hot.first import looked_up
from api.hot.nodes import HotNodes
from streams.projections.nodes.reads import HistoryPage, NodeReads
from streams.projections.nodes.values import InstanceChangeRow, NodeChangeRow, NodeRow, ServiceRow
from streams.projections.reads import AsOf


class NodeLoads:
    """The batches of one operation, for one tenant."""

    def __init__(self, tenant: str, reads: NodeReads | None, hot: HotNodes | None) -> None:
        self._tenant = tenant
        self._known, self._hot = reads, hot

    async def nodes(self, names: list[str]) -> Sequence[NodeRow | None]:
        """Return the nodes of these names."""
        hot = self._hot
        copied = None if hot is None else partial(hot.nodes_by_name, self._tenant)
        return await looked_up(names, partial(self._reads.nodes_by_name, self._tenant), copied)

    async def services(self, names: list[str]) -> Sequence[ServiceRow | None]:
        """Return the services of these names, with their instances."""
        return await looked_up(names, partial(self._reads.services_by_name, self._tenant))

    async def node_histories(
        self, pages: list[HistoryPage]
    ) -> Sequence[tuple[Sequence[NodeChangeRow], AsOf]]:
        """Return pages of what happened to nodes."""
        found, when = await self._reads.node_histories(self._tenant, pages)
        return [(changes, when) for changes in found]

    async def service_histories(
        self, pages: list[HistoryPage]
    ) -> Sequence[tuple[Sequence[InstanceChangeRow], AsOf]]:
        """Return pages of what happened to instances."""
        found, when = await self._reads.service_histories(self._tenant, pages)
        return [(changes, when) for changes in found]

    @property
    def _reads(self) -> NodeReads:
        assert self._known is not None, "who asks for nodes has asked for their reads"
        return self._known
