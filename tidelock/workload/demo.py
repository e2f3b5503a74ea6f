"""A small workload to look at: some clients contend for a few locks, others work off a queue, at a walking pace."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from ssl import SSLContext
from time import perf_counter

import tidelock
from tidelock.client.client import Client
from tidelock.client.errors import ClientClosed, NotAuthenticated, TidelockError
from tidelock.workload.demo_queue import CONSUMERS, DemoQueue
from tidelock.workload.figures import Durations

LOCKS = ("demo/orders/1", "demo/orders/2", "demo/orders/3", "demo/stock", "demo/report")
HOLD_S = (0.02, 0.3)
PAUSE_S = (0.05, 0.5)
SHARED = 0.4
"""Share of the acquires that only read."""
TTL_S = 10.0
WAIT_S = 2.0
LATEST = 2000
"""Grants that the percentiles look back on."""


class Demo:
    """Some clients at work until cancelled."""

    def __init__(
        self, workers: Sequence[str], token: str, clients: int = 5, tls: SSLContext | None = None
    ) -> None:
        self._workers = workers
        self._token = token
        self._clients = clients
        self._tls = tls
        self._queue = DemoQueue()
        self._granted = 0
        self._refused: Counter[str] = Counter()
        self._waits = Durations(most=LATEST)
        self._began = perf_counter()

    async def run(self) -> None:
        """Work until cancelled. Raises `TidelockError` if it cannot begin or its token is refused."""
        self._began = perf_counter()
        async with AsyncExitStack() as stack:
            connecting = (
                tidelock.connect(*self._workers, token=self._token, tls=self._tls)
                for _ in range(self._clients + 1 + CONSUMERS)
            )
            clients = [await stack.enter_async_context(each) for each in connecting]
            producer, *consumers = clients[self._clients :]
            try:
                async with asyncio.TaskGroup() as tasks:
                    for client in clients[: self._clients]:
                        tasks.create_task(self._work(client))
                    tasks.create_task(self._queue.run(producer, consumers))
            except ExceptionGroup as group:
                raise _first(group) from group

    def summary(self) -> str:
        """Return what happened so far, in one line."""
        rate = self._granted / max(1e-9, perf_counter() - self._began)
        waits = self._waits.percentiles_ms((0.5, 0.99))
        refused = "".join(f", {count} {code}" for code, count in sorted(self._refused.items()))
        times = f", waited p50 {waits['p50']:.0f} ms, p99 {waits['p99']:.0f} ms" if waits else ""
        locks = f"{self._clients} clients, {self._granted:,} grants ({rate:.1f}/s){times}{refused}"
        return f"{locks}; {self._queue.summary()}"

    async def _work(self, client: Client) -> None:
        while True:
            began = perf_counter()
            shared = random.random() < SHARED  # noqa: S311 - a workload, not a secret
            try:
                async with client.lock(random.choice(LOCKS), shared=shared, ttl=TTL_S, wait=WAIT_S):  # noqa: S311
                    self._granted += 1
                    self._waits.add(perf_counter() - began)
                    await asyncio.sleep(random.uniform(*HOLD_S))  # noqa: S311
            except (NotAuthenticated, ClientClosed):
                raise
            except TidelockError as error:
                self._refused[error.code] += 1
            await asyncio.sleep(random.uniform(*PAUSE_S))  # noqa: S311


def _first(group: ExceptionGroup[Exception]) -> Exception:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first
