"""To-one edges, asked for together: a page costs the same number of statements whatever its length.

A loader lives as long as one operation, or forgets after each batch: nothing read is kept.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TypeVar

from strawberry.dataloader import DataLoader

from api.hot import HotLocks
from api.node_loads import NodeLoads
from streams.projections.caches.reads import CacheReads
from streams.projections.caches.reads import WindowRow as CacheWindowRow
from streams.projections.locks.reads import LockReads, LockRow, WaiterRow
from streams.projections.nodes.reads import HistoryPage, NodeReads
from streams.projections.nodes.values import InstanceChangeRow, NodeChangeRow, NodeRow, ServiceRow
from streams.projections.queues.reads import BiographyPage, QueueReads, QueueRow, StepRow, WindowRow
from streams.projections.reads import AsOf

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
        hot: HotLocks | None = None,
        queues: QueueReads | None = None,
        nodes: NodeReads | None = None,
        caches: CacheReads | None = None,
    ) -> None:
        self._reads = reads
        self._tenant = tenant
        self._hot = hot
        self._queue_reads = queues
        self._of_nodes = NodeLoads(tenant, nodes)
        self._cache_reads = caches

    @cached_property
    def locks(self) -> DataLoader[LockKey, LockRow]:
        """Locks by partition and name, as they are now: from hot copies, where those can tell."""
        return DataLoader(self._locks, cache=False)

    @cached_property
    def stored_locks(self) -> DataLoader[LockKey, LockRow]:
        """The same from the read models alone: for those who ask for waiters too, of whom hot copies do not tell."""
        return DataLoader(self._stored, cache=False)

    @cached_property
    def waiters(self) -> DataLoader[LockRow, Sequence[WaiterRow]]:
        """The first waiters of a lock."""
        return DataLoader(self._waiters, cache=False)

    @cached_property
    def queues(self) -> DataLoader[str, QueueRow | None]:
        """Queues by name, as they are now, without their subscriptions and how old their messages are."""
        return DataLoader(partial(self._queues, False), cache=False)

    @cached_property
    def whole_queues(self) -> DataLoader[str, QueueRow | None]:
        """The same, with all there is of them."""
        return DataLoader(partial(self._queues, True), cache=False)

    @cached_property
    def biographies(self) -> DataLoader[BiographyPage, tuple[Sequence[StepRow], AsOf]]:
        """What happened to messages."""
        return DataLoader(self._biographies, cache=False)

    @cached_property
    def queue_windows(self) -> DataLoader[WindowKey, Sequence[WindowRow]]:
        """The windows of queues, newest first."""
        return DataLoader(self._queue_windows, cache=False)

    @cached_property
    def nodes(self) -> DataLoader[str, NodeRow | None]:
        """Nodes by name, as they are now."""
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
        asked = list(dict.fromkeys(keys))
        found = {} if self._hot is None else await self._from_copies(self._hot, asked)
        missing = [key for key in asked if key not in found]
        if missing:
            found |= zip(missing, await self._reads.locks_by_name(self._tenant, missing), strict=True)
        return [found[key] for key in keys]

    async def _from_copies(self, hot: HotLocks, keys: list[LockKey]) -> dict[LockKey, LockRow]:
        names: dict[int, list[str]] = {}
        for partition, name in keys:
            names.setdefault(partition, []).append(name)
        asking = [hot.locks_by_name(self._tenant, partition, some) for partition, some in names.items()]
        told = [one for one in await asyncio.gather(*asking) if one is not None]
        return {(lock.partition, lock.name): lock for locks in told for lock in locks.values()}

    async def _stored(self, keys: list[LockKey]) -> Sequence[LockRow]:
        asked = list(dict.fromkeys(keys))
        found = dict(zip(asked, await self._reads.locks_by_name(self._tenant, asked), strict=True))
        return [found[key] for key in keys]

    async def _waiters(self, locks: list[LockRow]) -> Sequence[Sequence[WaiterRow]]:
        return await self._reads.waiters_of(self._tenant, locks)

    async def _queues(self, whole: bool, names: list[str]) -> Sequence[QueueRow | None]:
        asked = list(dict.fromkeys(names))
        assert self._queue_reads is not None, "only rows of queues lead here"
        rows = await self._queue_reads.queues_by_name(self._tenant, asked, whole=whole)
        found = dict(zip(asked, rows, strict=True))
        return [found[name] for name in names]

    async def _biographies(self, pages: list[BiographyPage]) -> Sequence[tuple[Sequence[StepRow], AsOf]]:
        assert self._queue_reads is not None, "only rows of queues lead here"
        found, when = await self._queue_reads.biographies(self._tenant, pages)
        return [(steps, when) for steps in found]

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
