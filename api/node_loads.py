"""What the loaders of nodes and services ask, each name once."""

from collections.abc import Sequence

from streams.projections.nodes.reads import HistoryPage, NodeReads
from streams.projections.nodes.values import InstanceChangeRow, NodeChangeRow, NodeRow, ServiceRow
from streams.projections.reads import AsOf


class NodeLoads:
    """The batches of one operation, for one tenant."""

    def __init__(self, tenant: str, reads: NodeReads | None) -> None:
        self._tenant = tenant
        self._known = reads

    async def nodes(self, names: list[str]) -> Sequence[NodeRow | None]:
        """Return the nodes of these names."""
        asked = list(dict.fromkeys(names))
        found = dict(zip(asked, await self._reads.nodes_by_name(self._tenant, asked), strict=True))
        return [found[name] for name in names]

    async def services(self, names: list[str]) -> Sequence[ServiceRow | None]:
        """Return the services of these names, with their instances."""
        asked = list(dict.fromkeys(names))
        found = dict(zip(asked, await self._reads.services_by_name(self._tenant, asked), strict=True))
        return [found[name] for name in names]

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
