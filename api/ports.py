"""What the API's parts need of the world and of each other, besides read models (`streams.projections.locks.reads`).

Adapters: `storage.kafka.ends`; `api.subscriptions.live`, `api.subscriptions.queues`, `api.subscriptions.caches`.
"""

from collections.abc import AsyncGenerator, Collection
from typing import Any, Protocol

from streams.log.positions import PartitionId


class LogEnds(Protocol):
    """Where logs end. Every method raises `LogUnavailable`."""

    async def partitions(self, kind: str) -> int:
        """Return how many partitions `kind` has."""

    async def ends(self, several: list[PartitionId]) -> dict[PartitionId, int]:
        """Return the offsets that the next records will have."""

    async def after(self, where: PartitionId, time_ms: int) -> int:
        """Return the offset of the first record after a time; the end of the log if there is none."""


class LiveLocks(Protocol):
    """What the schema's subscriptions ask. Items are of its types, each with a `cursor`; `after` goes on there."""

    def lock(self, tenant: str, name: str, after: str | None = None) -> AsyncGenerator[Any]:
        """Yield a lock as it stands, then after each change; with `after`, the changes alone."""

    def lock_events(
        self, tenant: str, name: str | None = None, prefix: str | None = None, after: str | None = None
    ) -> AsyncGenerator[Any]:
        """Yield what happens to one lock, or to all whose names start with `prefix`."""

    def deadlocks(self, tenant: str, after: str | None = None) -> AsyncGenerator[Any]:
        """Yield deadlocks as they are broken."""


class LiveNodes(Protocol):
    """The same of nodes and services."""

    def node_events(
        self,
        tenant: str,
        name: str | None = None,
        prefix: str | None = None,
        only: Collection[Any] | None = None,
        heartbeats: bool = False,
        after: str | None = None,
    ) -> AsyncGenerator[Any]:
        """Yield what happens to one node, or to all whose names start with `prefix`, the brake among them."""

    def service_instances(self, tenant: str, service: str, after: str | None = None) -> AsyncGenerator[Any]:
        """Yield a service's instances as they stand, then after each change; with `after`, the changes alone."""


class LiveQueues(Protocol):
    """The same of queues."""

    def queue_events(
        self,
        tenant: str,
        queue: str | None = None,
        prefix: str | None = None,
        only: Collection[Any] | None = None,
        after: str | None = None,
    ) -> AsyncGenerator[Any]:
        """Yield what happens to one queue, or to all whose names start with `prefix`."""

    def queue_depth(self, tenant: str, queue: str, after: str | None = None) -> AsyncGenerator[Any]:
        """Yield a queue's numbers, then again whenever they changed; with `after`, the changes alone."""


class LiveCaches(Protocol):
    """The same of caches."""

    def invalidations(
        self,
        tenant: str,
        cache: str,
        entry: str | None = None,
        only: Collection[Any] | None = None,
        after: str | None = None,
    ) -> AsyncGenerator[Any]:
        """Yield what ends or replaces values and lines of a cache, or of one entry of it."""
