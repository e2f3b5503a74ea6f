"""Producers, consumers and workers as processes that are killed and frozen, one after the other, under one load."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped, unused-ignore]
import pytest

from tests.integration.engine.cluster import PATIENCE_S, Cluster, WorkerProcess, until
from tests.integration.queues.books import Journal, LogBook, prove
from tests.integration.queues.role import POISON
from tidelock.client.queues.queue import Queue

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("queues"),
]
QUEUE = "faults"
ATTEMPTS = 12
PROGRESS = 40
DIES, FREEZES = signal.SIGUSR2, signal.SIGUSR1
"""What a role does when it gets these, in the midst of things."""


class RoleProcess:
    """One producer or consumer, and its journal."""

    def __init__(self, process: asyncio.subprocess.Process, journal: Path) -> None:
        self.process = process
        self.journal = Journal(journal)

    @property
    def is_frozen(self) -> bool:
        stopped: bool = psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED
        return stopped

    async def ends(self, number: signal.Signals, code: int) -> None:
        """Send a signal, and expect this end."""
        self.process.send_signal(number)
        assert await asyncio.wait_for(self.process.wait(), PATIENCE_S) == code


class Scene:
    """One queue, and all who ever put into it or worked on it."""

    def __init__(self, cluster: Cluster, journals: Path) -> None:
        self.producers: list[RoleProcess] = []
        self.consumers: list[RoleProcess] = []
        self._workers = ",".join(worker.address for worker in cluster.workers)
        self._journals = journals

    async def produce(self) -> RoleProcess:
        """Put, from the first number on of which nobody knows that it is in."""
        confirmed = {number for one in self.producers for number in one.journal.read().puts}
        first = min(set(range(len(confirmed) + 1)) - confirmed)
        self.producers.append(await self._start("produce", str(first)))
        return self.producers[-1]

    async def consume(self) -> RoleProcess:
        self.consumers.append(await self._start("consume"))
        return self.consumers[-1]

    async def _start(self, role: str, *args: str) -> RoleProcess:
        journal = self._journals / f"{role}-{len(self.producers) + len(self.consumers)}"
        module = "tests.integration.queues.role"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, role, self._workers, QUEUE, str(journal), *args,
            env=dict(os.environ),
        )  # fmt: skip
        return RoleProcess(process, journal)

    def acked(self, *by: RoleProcess) -> int:
        return sum(len(one.journal.read().acked) for one in by or self.consumers)

    async def goes_on(self, *by: RoleProcess) -> None:
        """Return when these (default: all) have worked off some more, and so much was put meanwhile."""
        acked, put = self.acked(*by), self._put()
        await until(lambda: min(self.acked(*by) - acked, self._put() - put) >= PROGRESS)

    async def is_taken_over(self, held: set[int], *others: RoleProcess) -> None:
        """Return when the others were handed all that somebody held."""
        handed = [one.journal for one in others]
        await until(lambda: held <= {number for each in handed for *_, number in each.read().handed})

    def _put(self) -> int:
        return sum(len(one.journal.read().puts) for one in self.producers)

    async def end(self) -> None:
        for one in (*self.producers, *self.consumers):
            if one.process.returncode is None:
                one.process.kill()
                await one.process.wait()


@asynccontextmanager
async def played(cluster: Cluster, journals: Path) -> AsyncIterator[Scene]:
    scene = Scene(cluster, journals)
    try:
        yield scene
    finally:
        await scene.end()


async def _is_worked_off(queue: Queue[Any]) -> bool:
    counts = (await queue.stats()).counts
    return not (counts.ready or counts.delayed or counts.leased)


async def _leads_all(worker: WorkerProcess) -> bool:
    return await worker.leads("queues") == {0, 1, 2, 3}


async def test_whoever_dies_or_freezes_nothing_is_lost_or_comes_back_or_overtakes(
    standing: Cluster, cluster: Cluster, tmp_path: Path
) -> None:
    (stays,) = standing.workers
    victim = await cluster.worker("victim")
    await until(lambda: victim.leads("queues"))
    async with standing.connect() as client, played(standing, tmp_path) as scene:
        queue = client.queue(QUEUE)
        await queue.create(shards=8, max_attempts=ATTEMPTS, backoff_min=0.01, backoff_max=0.05)
        producer, one, two = await scene.produce(), await scene.consume(), await scene.consume()
        await scene.goes_on(one)
        await scene.goes_on(two)

        await one.ends(DIES, -signal.SIGKILL)
        held = one.journal.read().in_hand()
        assert held
        await scene.is_taken_over(held, two)
        three = await scene.consume()
        await scene.goes_on(three)

        two.process.send_signal(FREEZES)
        await until(lambda: two.is_frozen)
        held = two.journal.read().in_hand()
        assert held
        await scene.is_taken_over(held, three)
        two.process.send_signal(signal.SIGCONT)
        await scene.goes_on(two)
        assert two.journal.refused["RECEIPT_INVALID"] > 0, "it came too late, and was told so"

        await producer.ends(DIES, -signal.SIGKILL)
        producer = await scene.produce()
        await scene.goes_on()
        assert any(again for _, again in producer.journal.puts.values()), "some were in, and nobody knew"

        victim.send(signal.SIGSTOP)
        await until(lambda: _leads_all(stays))
        await scene.goes_on()
        victim.send(signal.SIGCONT)
        await until(lambda: victim.leads("queues"))
        await scene.goes_on()
        victim.send(signal.SIGKILL)
        await until(lambda: _leads_all(stays))
        await scene.goes_on()

        await producer.ends(signal.SIGTERM, 0)
        await until(lambda: _is_worked_off(queue))
        for consumer in (two, three):
            await consumer.ends(signal.SIGTERM, 0)
        producers, consumers = (
            [one.journal.read() for one in ones] for ones in (scene.producers, scene.consumers)
        )
        log = await LogBook(QUEUE).read(standing.kafka)
        prove(log, producers, consumers, ATTEMPTS)
        assert len(log.numbers) > POISON
        assert ["died"] in log.ends.values()
