"""To-one edges, asked for together: a page costs the same number of statements whatever its length.

A loader lives as long as one operation, or forgets after each batch: nothing read is kept.
"""

from collections.abc import Sequence
from functools import cached_property

from strawberry.dataloader import DataLoader

from streams.projections.locks.reads import LockReads, LockRow, WaiterRow


class Loaders:
    """All loaders of one operation, for one tenant."""

    def __init__(self, reads: LockReads, tenant: str) -> None:
        self._reads = reads
        self._tenant = tenant

    @cached_property
    def locks(self) -> DataLoader[tuple[int, str], LockRow]:
        """Locks by partition and name, as they are now."""
        return DataLoader(self._locks, cache=False)

    @cached_property
    def waiters(self) -> DataLoader[LockRow, Sequence[WaiterRow]]:
        """The first waiters of a lock."""
        return DataLoader(self._waiters, cache=False)

    async def _locks(self, keys: list[tuple[int, str]]) -> Sequence[LockRow]:
        asked = list(dict.fromkeys(keys))
        found = dict(zip(asked, await self._reads.locks_by_name(self._tenant, asked), strict=True))
        return [found[key] for key in keys]

    async def _waiters(self, locks: list[LockRow]) -> Sequence[Sequence[WaiterRow]]:
        return await self._reads.waiters_of(self._tenant, locks)
