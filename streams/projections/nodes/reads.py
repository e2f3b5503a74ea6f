"""What can be asked of the read models of nodes, services and the brake. Adapters: `storage.postgres.reads_nodes`,
`storage.memory.nodes`. See `streams.projections.reads`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Protocol

from streams.domain.nodes.commands import Health
from streams.domain.nodes.replies import NodeStatus
from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.projections.nodes.stood import ServiceStood
from streams.projections.nodes.values import (
    BrakeChangeRow,
    BrakeRow,
    InstanceChangeRow,
    NodeChangeRow,
    NodeRow,
    ServiceRow,
)
from streams.projections.reads import AsOf, AuditReads, Moment, ProjectedRow


@value
class NodeFilter:
    """Which nodes a page shows. All that is given must hold."""

    name_prefix: str | None = None
    status: NodeStatus | None = None
    health: Health | None = None
    draining: bool | None = None
    zone: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    """It has all of these."""


@value
class ServiceFilter:
    """Which services a page shows. All that is given must hold."""

    name_prefix: str | None = None
    healthy: bool | None = None
    """Whether one of its instances can be chosen: healthy and not draining."""
    node: str | None = None
    """One of its instances is this node's."""


@value
class HistoryPage:
    """Which of what happened to a node or service: the `first` changes `after` the key of one."""

    name: str
    first: int
    after: tuple[int, ...] | None = None


class NodeReads(AuditReads, Protocol):
    """The read models of nodes. Every method raises `ReadsUnavailable` and `ReadTooSlow`.

    Methods that list return one row more than `first` if there is one: then there is a next page. `after` is the key
    of the last row of the page before. What a method returns is of one snapshot.
    """

    async def projected(self) -> Sequence[ProjectedRow]:
        """Return how far each partition of each projection is; those without any record are missing."""

    async def nodes(
        self, tenant: str, wanted: NodeFilter, first: int, after: str | None
    ) -> tuple[Sequence[NodeRow], AsOf]:
        """Return nodes by name, those that ended and are not forgotten too."""

    async def nodes_by_name(self, tenant: str, names: Sequence[str]) -> Sequence[NodeRow | None]:
        """Return the nodes of these names, in that order; None where there is none. One statement."""

    async def node_at(self, tenant: str, name: str, at: Moment) -> NodeRow | None:
        """Return the node as it was; None: there was none. `at` must be projected.

        Its load is that of its last change by then, which a heartbeat alone is not.
        """

    async def node_histories(
        self, tenant: str, wanted: Sequence[HistoryPage]
    ) -> tuple[Sequence[Sequence[NodeChangeRow]], AsOf]:
        """Return what happened to each node, newest first, in the order of the pages. One statement.

        A page's `after`: (offset, event).
        """

    async def services(
        self, tenant: str, wanted: ServiceFilter, first: int, after: str | None
    ) -> tuple[Sequence[ServiceRow], AsOf]:
        """Return services that have instances, by name, without those."""

    async def services_by_name(self, tenant: str, names: Sequence[str]) -> Sequence[ServiceRow | None]:
        """Return the services of these names with their instances, in that order; None: without any. One statement."""

    async def service_at(self, tenant: str, name: str, at: Moment) -> ServiceRow | None:
        """Return the service as it was, with its instances; None: it had none. `at` must be projected."""

    async def service_stood(
        self, tenant: str, name: str, where: PartitionId, before: int | None
    ) -> ServiceStood:
        """See `streams.projections.nodes.stood.StoodServices`."""

    async def service_histories(
        self, tenant: str, wanted: Sequence[HistoryPage]
    ) -> tuple[Sequence[Sequence[InstanceChangeRow]], AsOf]:
        """Return what happened to each service's instances, newest first, likewise. `after`: (offset, event, part)."""

    async def brake(self, tenant: str) -> tuple[BrakeRow | None, AsOf]:
        """Return the brake, or None: nobody ever touched it."""

    async def brake_at(self, tenant: str, at: Moment) -> tuple[BrakeRow | None, AsOf]:
        """Return the brake as it was, or None: nobody had touched it. `at` must be projected."""

    async def brake_history(
        self, tenant: str, first: int, after: tuple[int, int] | None
    ) -> tuple[Sequence[BrakeChangeRow], AsOf]:
        """Return what happened to the brake, newest first. `after`: (offset, event)."""
