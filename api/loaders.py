"""To-one edges, asked for together: a page costs the same number of statements whatever its length.

A loader lives as long as one operation, or forgets after each batch: nothing read is kept.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TypeVar

from strawberry.dataloader import DataLoader

from api.hot.first import looked_up
from api.hot.kinds import Hot
from api.node_loads import NodeLoads
from streams.projections.caches.reads import CacheReads, CacheRow
from streams.projections.caches.reads import WindowRow as CacheWindowRow
from streams.projections.locks.reads import LockReads, LockRow, WaiterRow
from streams.projections.nodes.reads import HistoryPage, NodeReads
from streams.projections.nodes.values import InstanceChangeRow, NodeChangeRow, NodeRow, ServiceRow
from streams.projections.queues.reads import BiographyPage, QueueReads, QueueRow, StepRow, WindowRow
from streams.projections.reads import AsOf, RowsForgotten

W = TypeVar("W")
LockKey = tuple[int, str]
WindowKey = tuple[str, int, int]
"""(queue or cache, from, to)."""
Windows = Callable[[str, Sequence[str], int, int], Awaitable[Mapping[str, Sequence[W]]]]
"""Of (tenant, names, from, to)."""


class Loaders:
    """All loaders of one operation, for one tenant."""

    def __init__(
        self,
        reads: LockReads,
        tenant: str,
        hot: Hot | None = None,
        queues: QueueReads | None = None,
        nodes: NodeReads | None = None,
        caches: CacheReads | None = None,
    ) -> None:
        self._reads = reads
        self._tenant = tenant
        self._hot = hot or Hot()
        self._queue_reads = queues
        self._of_nodes = NodeLoads(tenant, nodes, self._hot.nodes)
        self._cache_reads = caches

    @cached_property
    def locks(self) -> DataLoader[LockKey, LockRow]:
        """Locks by partition and name, as they are now: from hot copies, where those can tell."""
        return DataLoader(self._locks, cache=False)

    @cached_property
    def stored_locks(self) -> DataLoader[LockKey, LockRow]:
        """The same from the read models alone: for those who ask for waiters too, of whom hot copies do not tell."""
        return DataLoader(self._stored_locks, cache=False)

    @cached_property
    def waiters(self) -> DataLoader[LockRow, Sequence[WaiterRow]]:
        """The first waiters of a lock."""
        return DataLoader(self._waiters, cache=False)

    @cached_property
    def queues(self) -> DataLoader[str, QueueRow | None]:
        """Queues by name, as they are now, without their subscriptions and how old their messages are: from hot
        copies, where those can tell.
        """
        return DataLoader(self._queues, cache=False)

    @cached_property
    def stored_queues(self) -> DataLoader[str, QueueRow | None]:
        """The same from the read models alone: for those who ask for shards, of which hot copies know the route's."""
        return DataLoader(partial(self._stored_queues, False), cache=False)

    @cached_property
    def whole_queues(self) -> DataLoader[str, QueueRow | None]:
        """The same, with all there is of them."""
        return DataLoader(partial(self._stored_queues, True), cache=False)

    @cached_property
    def biographies(self) -> DataLoader[BiographyPage, tuple[Sequence[StepRow], AsOf]]:
        """What happened to messages."""
        return DataLoader(self._biographies, cache=False)

    @cached_property
    def queue_windows(self) -> DataLoader[WindowKey, Sequence[WindowRow]]:
        """The windows of queues, newest first."""
        return DataLoader(self._queue_windows, cache=False)

    @cached_property
    def caches(self) -> DataLoader[str, CacheRow | None]:
        """Caches by name, as they are now: from hot copies, where those can tell."""
        return DataLoader(self._caches, cache=False)

    @cached_property
    def nodes(self) -> DataLoader[str, NodeRow | None]:
        """Nodes by name, as they are now: from hot copies, where those can tell."""
        return DataLoader(self._of_nodes.nodes, cache=False)

    @cached_property
    def services(self) -> DataLoader[str, ServiceRow | None]:
        """Services by name with their instances, as they are now."""
        return DataLoader(self._of_nodes.services, cache=False)

    @cached_property
    def node_histories(self) -> DataLoader[HistoryPage, tuple[Sequence[NodeChangeRow], AsOf]]:
        """What happened to nodes."""
        return DataLoader(self._of_nodes.node_histories, cache=False)

    @cached_property
    def service_histories(self) -> DataLoader[HistoryPage, tuple[Sequence[InstanceChangeRow], AsOf]]:
        """What happened to the instances of services."""
        return DataLoader(self._of_nodes.service_histories, cache=False)

    @cached_property
    def cache_windows(self) -> DataLoader[WindowKey, Sequence[CacheWindowRow]]:
        """The windows of caches, newest first."""
        return DataLoader(self._cache_windows, cache=False)

    async def _locks(self, keys: list[LockKey]) -> Sequence[LockRow]:
        hot = self._hot.locks
        copied = None if hot is None else partial(hot.locks_by_name, self._tenant)
        return await looked_up(keys, self._stored_locks, copied)

    async def _stored_locks(self, keys: Sequence[LockKey]) -> Sequence[LockRow]:
        return await looked_up(keys, partial(self._reads.locks_by_name, self._tenant))

    async def _waiters(self, locks: list[LockRow]) -> Sequence[Sequence[WaiterRow]]:
        return await self._reads.waiters_of(self._tenant, locks)

    async def _queues(self, names: list[str]) -> Sequence[QueueRow | None]:
        hot = self._hot.queues
        copied = None if hot is None else partial(hot.queues_by_name, self._tenant)
        return await looked_up(names, partial(self._stored_queues, False), copied)

    async def _stored_queues(self, whole: bool, names: Sequence[str]) -> Sequence[QueueRow | None]:
        assert self._queue_reads is not None, "only rows of queues lead here"
        return await looked_up(names, partial(self._queue_reads.queues_by_name, self._tenant, whole=whole))

    async def _caches(self, names: list[str]) -> Sequence[CacheRow | None]:
        assert self._cache_reads is not None, "who asks for caches has asked for their reads"
        hot = self._hot.caches
        copied = None if hot is None else partial(hot.caches_by_name, self._tenant)
        return await looked_up(names, partial(self._cache_reads.caches_by_name, self._tenant), copied)

    async def _biographies(
        self, pages: list[BiographyPage]
    ) -> Sequence[tuple[Sequence[StepRow], AsOf] | RowsForgotten]:
        assert self._queue_reads is not None, "only rows of queues lead here"
        found, when = await self._queue_reads.biographies(self._tenant, pages)
        return [steps if isinstance(steps, RowsForgotten) else (steps, when) for steps in found]

    async def _queue_windows(self, keys: list[WindowKey]) -> Sequence[Sequence[WindowRow]]:
        assert self._queue_reads is not None, "only rows of queues lead here"
        return await self._windows(self._queue_reads.windows, keys)

    async def _cache_windows(self, keys: list[WindowKey]) -> Sequence[Sequence[CacheWindowRow]]:
        assert self._cache_reads is not None, "only rows of caches lead here"
        return await self._windows(self._cache_reads.windows, keys)

    async def _windows(self, ask: Windows[W], keys: list[WindowKey]) -> Sequence[Sequence[W]]:
        spans: dict[tuple[int, int], list[str]] = {}
        for name, from_ms, to_ms in dict.fromkeys(keys):
            spans.setdefault((from_ms, to_ms), []).append(name)
        found: dict[tuple[int, int], Mapping[str, Sequence[W]]] = {}
        for span, names in spans.items():
            found[span] = await ask(self._tenant, names, *span)
        return [found[from_ms, to_ms].get(name, ()) for name, from_ms, to_ms in keys]
