"""`client.acquire_all([...])`: several locks, or none."""

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType

from tidelock.client.clock import Clock
from tidelock.client.held import HeldLock
from tidelock.client.keeper import Keeper
from tidelock.client.lock import Lock
from tidelock.client.locks import Locks
from tidelock.client.terms import Terms


class SeveralLocks:
    """Takes its locks one by one in the order of their names, so that two callers never wait for each other.

    `wait` is for all of them together. If one cannot be had, those taken before it are released.
    Entering gives a mapping from name to `HeldLock`.
    """

    def __init__(
        self, names: Iterable[str], terms: Terms, clock: Clock, locks: Locks, keeper: Keeper
    ) -> None:
        self.names = tuple(sorted(set(names)))
        self._terms = terms
        self._clock = clock
        self._locks = locks
        self._keeper = keeper
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Mapping[str, HeldLock]:
        async with AsyncExitStack() as stack:
            held = await self._enter_all(stack)
            self._stack = stack.pop_all()
        return held

    async def _enter_all(self, stack: AsyncExitStack) -> dict[str, HeldLock]:
        started_s, wait = self._clock.now(), self._terms.wait
        held: dict[str, HeldLock] = {}
        for name in self.names:
            left = None if wait is None else max(0.0, wait - (self._clock.now() - started_s))
            lock = Lock(name, replace(self._terms, wait=left), self._locks, self._keeper)
            held[name] = await stack.enter_async_context(lock)
        return held

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)
