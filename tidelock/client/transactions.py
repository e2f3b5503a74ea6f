"""`client.transaction()`: locks whose waits are watched for deadlocks, released together at the end."""

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Unpack

from streams.domain.locks.commands import Transaction
from tidelock.client.clock import Clock
from tidelock.client.held import HeldLock
from tidelock.client.keeper import Keeper
from tidelock.client.lock import Lock
from tidelock.client.locks import Locks
from tidelock.client.several import SeveralLocks
from tidelock.client.terms import LockOptions, Terms


class LockTransaction:
    """Each acquire carries its id and start stamp; in a deadlock the youngest is told to give way.

        async with client.transaction() as tx:
            a = await tx.acquire("a")            # held until the transaction ends
            async with tx.lock("b"): ...         # held for this block

    After `Deadlock`, leave the block and run it again with `started_ms=tx.started_ms`: it grows older.
    """

    def __init__(self, transaction: Transaction, clock: Clock, locks: Locks, keeper: Keeper) -> None:
        self._transaction = transaction
        self._clock = clock
        self._locks = locks
        self._keeper = keeper
        self._stack = AsyncExitStack()

    @property
    def id(self) -> str:
        """The transaction's id, as others see it in a deadlock's cycle."""
        return self._transaction.id

    @property
    def started_ms(self) -> int:
        """When it first began, in ms since 1970 by the cluster's time."""
        return self._transaction.started_ms

    def lock(self, name: str, **options: Unpack[LockOptions]) -> Lock:
        """Return the lock `name`, to be held for a block. See `Client.lock`."""
        return Lock(name, self._terms(options), self._locks, self._keeper)

    async def acquire(self, name: str, **options: Unpack[LockOptions]) -> HeldLock:
        """Take the lock `name` and hold it until the transaction ends."""
        return await self._stack.enter_async_context(self.lock(name, **options))

    async def acquire_all(
        self, names: Iterable[str], **options: Unpack[LockOptions]
    ) -> Mapping[str, HeldLock]:
        """Take several locks by the order of their names, all or none, and hold them until the end."""
        several = SeveralLocks(names, self._terms(options), self._clock, self._locks, self._keeper)
        return await self._stack.enter_async_context(several)

    def _terms(self, options: LockOptions) -> Terms:
        return Terms(**options, transaction=self._transaction)

    async def __aenter__(self) -> "LockTransaction":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)
