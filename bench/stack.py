"""What is measured: a Kafka of its own in a temporary home, and workers that are started and ended at will."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import httpx
from aiokafka.admin import AIOKafkaAdminClient

import tidelock
from bench.cpu import CpuMeter
from bench.plan import WHERE
from bench.processes import PROCESSES, WORKER, OwnProcess, leads
from storage.kafka.topics import TopicProblem, TopicSettings, check_topics, create_topics
from streams.catalog import KINDS
from streams.log.positions import PartitionId
from tidelock.client.client import Connecting
from tidelock.local.child import Watcher
from tidelock.local.ports import PortBook
from tidelock.local.stack import LocalStack
from tidelock.local.testing import kafka_for_tests
from tidelock.local.tokens import DEV

TOKEN = "bench"
SESSION_MS = 3000
NAMES = tuple(kind.name for kind in KINDS)
PATIENCE_S = 60.0


class BenchStack:
    """Kafka, and the workers of the moment."""

    def __init__(self, kafka: LocalStack, home: Path, watcher: Watcher) -> None:
        self.kafka = kafka.addresses.kafka
        self.home = home
        self.workers: list[OwnProcess] = []
        self._stack = kafka
        self._watcher = watcher

    async def fresh(self, durability: str = "page-cache", workers: int = 1) -> None:
        """Start over with empty topics and new workers."""
        await self.end_workers()
        await self._empty_topics(durability)
        env = {
            "TIDELOCK_KAFKA": self.kafka,
            "TIDELOCK_PARTITIONS": "1",
            "TIDELOCK_DURABILITY": durability,
            "TIDELOCK_SESSION_TIMEOUT_MS": str(SESSION_MS),
            "TIDELOCK_LOG_LEVEL": "WARNING",
            DEV.variable: TOKEN,
        }
        ports = PortBook(self.home / "worker-ports.json")
        self.workers = [OwnProcess(WORKER, self.home, number, ports, env) for number in range(workers)]
        for worker in self.workers:
            await worker.start(self._watcher)
            await self.wait_for(worker, leading=worker is self.workers[0])

    async def start(self, worker: OwnProcess) -> None:
        """Start a worker again."""
        await worker.start(self._watcher)

    async def wait_for(self, worker: OwnProcess, *, leading: bool) -> None:
        """Wait until `worker` answers, and if `leading` until it decides on everything."""
        until = monotonic() + PATIENCE_S
        async with httpx.AsyncClient(timeout=2.0) as asking:
            while monotonic() < until:
                status = await worker.status(asking)
                if leads(status, NAMES) or (status is not None and not leading):
                    return
                await asyncio.sleep(0.05)
        raise RuntimeError(f"{worker.name} was not ready after {PATIENCE_S:.0f} s")

    async def leader(self) -> OwnProcess:
        """Return the worker that decides on locks, once one does."""
        until = monotonic() + PATIENCE_S
        async with httpx.AsyncClient(timeout=2.0) as asking:
            while monotonic() < until:
                for worker in self.workers:
                    status = await worker.status(asking)
                    if leads(status, (WHERE.kind,)):
                        return worker
                await asyncio.sleep(0.05)
        raise RuntimeError(f"no worker decided within {PATIENCE_S:.0f} s")

    @asynccontextmanager
    async def processes(self) -> AsyncIterator[OwnProcess]:
        """Start the process that sweeps, and wait until it reads the logs; end it behind the block."""
        workers = ",".join(worker.address for worker in self.workers)
        env = {
            "TIDELOCK_KAFKA": self.kafka, "TIDELOCK_WORKERS": workers, "TIDELOCK_TOKEN": TOKEN,
            "TIDELOCK_LOG_LEVEL": "WARNING",
        }  # fmt: skip
        process = OwnProcess(PROCESSES, self.home, 0, PortBook(self.home / "process-ports.json"), env)
        await process.start(self._watcher)
        try:
            await self._until_tailing(process)
            yield process
        finally:
            await process.end()

    async def _until_tailing(self, process: OwnProcess) -> None:
        until = monotonic() + PATIENCE_S
        async with httpx.AsyncClient(timeout=2.0) as asking:
            while monotonic() < until:
                status = await process.status(asking)
                if status is not None and status["tailing"]:
                    return
                await asyncio.sleep(0.05)
        raise RuntimeError(f"{process.name} was not ready after {PATIENCE_S:.0f} s")

    def log_bytes(self, where: PartitionId) -> int:
        """Return how large the broker's files of a log are."""
        logs = f"kafka/*/data/{where.log_topic}-{where.partition}/*.log"
        return sum(each.stat().st_size for each in self._stack.settings.home.glob(logs))

    def connect(self) -> Connecting:
        """Return a new client of all workers."""
        return tidelock.connect(*(worker.address for worker in self.workers), token=TOKEN)

    def meter(self, **clients: int) -> CpuMeter:
        """Return a meter of the first worker, the broker and `clients`, or this process."""
        broker = self._stack.part("kafka-0").child
        assert broker is not None
        ours = {"worker": self.workers[0].pid, "broker": broker.pid}
        return CpuMeter({**ours, **(clients or {"client": os.getpid()})})

    async def end_workers(self) -> None:
        """End all workers."""
        for worker in self.workers:
            await worker.end()
        self.workers = []

    async def _empty_topics(self, durability: str) -> None:
        wanted = TopicSettings(partitions=1, fsync=durability == "fsync")
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        try:
            ours = [PartitionId(kind, 0) for kind in NAMES]
            topics = {topic for where in ours for topic in (where.log_topic, where.commands_topic)}
            present = topics.intersection(await admin.list_topics())
            if present:
                await admin.delete_topics(sorted(present))
            await _until_created(admin, wanted)
        finally:
            await admin.close()


@asynccontextmanager
async def bench_stack() -> AsyncIterator[BenchStack]:
    """Start Kafka under a temporary directory; nothing is left of it afterwards."""
    with tempfile.TemporaryDirectory(prefix="tidelock-bench-") as directory:
        home, watcher = Path(directory), Watcher()
        async with kafka_for_tests(home / "stack") as kafka:
            await watcher.start()
            stack = BenchStack(kafka, home, watcher)
            try:
                yield stack
            finally:
                await stack.end_workers()
                await watcher.stop()


async def _until_created(admin: AIOKafkaAdminClient, wanted: TopicSettings) -> None:
    """Create the topics and wait until the broker's metadata says so: it lags behind, more so when it is busy."""
    until = monotonic() + PATIENCE_S
    while True:
        try:
            await create_topics(admin, NAMES, wanted)
            await check_topics(admin, NAMES, wanted)
        except TopicProblem:
            if monotonic() > until:
                raise
            await asyncio.sleep(0.1)
        else:
            return
