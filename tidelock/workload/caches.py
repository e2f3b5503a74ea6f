"""The cache workload: nodes read and write the pages of a trace, each through its own lines; misses are loaded.

Requests go round: the next one is the next node's, so that every page is shared by all that the trace lets share it.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from ssl import SSLContext
from time import perf_counter

import tidelock
from streams.domain.caches.kind import CACHES
from streams.wire.messages import Answers
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.ports import Loaded
from tidelock.client.client import Client
from tidelock.client.errors import TidelockError
from tidelock.workload.cache_journal import CacheJournal, CacheNode
from tidelock.workload.cache_plan import PAGE_BLOCKS, CacheOutcome, CachePlan, ready
from tidelock.workload.recorder import Recorder
from tidelock.workload.trace import READS, BlockIo


class CacheRun:
    """One run: its nodes share one journal."""

    def __init__(self, plan: CachePlan, journal: CacheJournal, on_served: Callable[[int], None]) -> None:
        self.outcome = CacheOutcome()
        self._plan = plan
        self._journal = journal
        self._on_served = on_served

    async def run(self, clients: Sequence[Client], ios: Sequence[BlockIo]) -> CacheOutcome:
        """Read and write all. Raises `BadArgument` if the cache is there but will not do."""
        plan, outcome = self._plan, self.outcome
        outcome.tenant = clients[0].tenant
        caches: list[Cache[bytes]] = [
            each.cache(plan.cache, keep=plan.keep, max_entries=plan.lines, loader=self) for each in clients
        ]
        outcome.shards = await ready(caches[0], plan)
        nodes = [
            CacheNode(self._journal, client.id, client.tenant, cache, outcome.shards)
            for client, cache in zip(clients, caches, strict=True)
        ]
        began = perf_counter()
        async with asyncio.TaskGroup() as group:
            for number, node in enumerate(nodes):
                mine = iter(ios[number :: len(nodes)])
                for _ in range(plan.in_flight):
                    group.create_task(self._work(node, mine))
        outcome.seconds = perf_counter() - began
        await asyncio.gather(*(each.close() for each in caches))
        for each in caches:
            outcome.add(each.local)
        return outcome

    async def load(self, entry: str) -> Loaded[bytes]:  # noqa: ARG002 - every load is another value
        """Bring a page that is not in the cache. As `tidelock.client.caches.ports.Loader`."""
        self.outcome.loads += 1
        return Loaded(f"{self._journal.run}/load/{self.outcome.loads}".encode())

    async def _work(self, node: CacheNode, ios: Iterator[BlockIo]) -> None:
        for io in ios:
            try:
                await (self._read(node, io) if io.op in READS else self._write(node, io))
            except TidelockError as error:
                self.outcome.errors[error.code] += 1
            self._on_served(1)
            await asyncio.sleep(0)  # a hit awaits nothing: the others' turn

    async def _read(self, node: CacheNode, io: BlockIo) -> None:
        outcome, began = self.outcome, perf_counter()
        _, hit = await node.read(page_of(io))
        (outcome.hitting if hit else outcome.missing).add(perf_counter() - began)
        outcome.reads += 1

    async def _write(self, node: CacheNode, io: BlockIo) -> None:
        outcome, began = self.outcome, perf_counter()
        stayed = await node.write(page_of(io), f"{self._journal.run}/{io.line}".encode(), self._plan.keep)
        if not stayed:
            outcome.writing.add(perf_counter() - began)
        outcome.writes += 1


def page_of(io: BlockIo) -> str:
    """Return the entry of an I/O."""
    return f"page/{io.lbn // PAGE_BLOCKS}"


async def replay(
    workers: Sequence[str], token: str, plan: CachePlan, ios: Sequence[BlockIo], journal: CacheJournal,
    recorder: Recorder, progress: Callable[[int], None], tls: SSLContext | None = None,
) -> CacheOutcome:  # fmt: skip
    """Run all `ios` through real clients, unpaced. `progress` is told of requests that were served.

    Raises `ConnectionLost`, `NotAuthenticated`, `BadArgument`.
    """

    def hear(client: str, answers: Answers) -> None:
        if answers.kind == CACHES.name:
            recorder.hear(client, answers)

    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(tidelock.connect(*workers, token=token, tls=tls, on_answers=hear))
            for _ in range(plan.nodes)
        ]
        for client in clients:
            recorder.clients.add(client.id)
        return await CacheRun(plan, journal, progress).run(clients, ios)
