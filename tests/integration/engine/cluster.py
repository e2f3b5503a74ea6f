"""Real workers on a real Kafka, as processes that a test may stop, kill, freeze and thaw; and the truth afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

import tidelock
from storage.kafka.log import KafkaTopicReader
from streams.domain.locks.events import LockGranted, LockReleased, LockUpgraded
from streams.domain.locks.kind import LOCKS
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.replay.findings import Report
from streams.replay.verify import Decided
from streams.replay.walk import verify_partition
from tidelock.client.client import Client
from tidelock.client.errors import TidelockError
from tidelock.local.stack import LocalStack

WORDS = Vocabulary(LOCKS)
PARTITIONS = [PartitionId("locks", number) for number in range(4)]
SESSION_MS = 3000
PATIENCE_S = 40.0
END_S = 10.0
TOKEN = "integration"


async def until(condition: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Return what `condition` (plain or awaitable) says as soon as that is true."""
    async with asyncio.timeout(patience_s):
        while True:
            holds = condition()
            if asyncio.iscoroutine(holds):
                holds = await holds
            if holds:
                return holds
            await asyncio.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class WorkerProcess:
    """One `python -m streams.engine.worker`."""

    def __init__(self, name: str, kafka: str, logs: Path, **environment: str) -> None:
        self.name = name
        self.address = f"127.0.0.1:{free_port()}"
        self.metrics = f"127.0.0.1:{free_port()}"
        self.log = logs / f"{name}.log"
        self.process: asyncio.subprocess.Process | None = None
        self._environment = {
            "TIDELOCK_KAFKA": kafka,
            "TIDELOCK_WORKER_NAME": name,
            "TIDELOCK_WORKER_LISTEN": self.address,
            "TIDELOCK_WORKER_METRICS": self.metrics,
            "TIDELOCK_SESSION_TIMEOUT_MS": str(SESSION_MS),
            "TIDELOCK_DEV_TOKEN": TOKEN,
        } | environment

    async def start(self) -> None:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("TIDELOCK_")}
        with self.log.open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "streams.engine.worker",
                env=inherited | self._environment, stdout=out, stderr=out,
            )  # fmt: skip

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def exit_code(self) -> int:
        assert self.process is not None
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    async def end(self) -> None:
        """End it, whatever state it is in; kindly if it listens, so that the next test's need not wait for it."""
        if self.process is not None and self.process.returncode is None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), END_S)
            except TimeoutError:
                self.send(signal.SIGKILL)
                await self.process.wait()

    async def status(self) -> dict[str, Any]:
        """Return what it says of itself; empty while it says nothing."""
        try:
            async with httpx.AsyncClient(timeout=2.0) as http:
                told: dict[str, Any] = (await http.get(f"http://{self.metrics}/status")).json()
                return told
        except (httpx.HTTPError, ValueError):
            return {}

    async def ready(self) -> bool:
        """Say whether it is in the group and decides all that it was assigned."""
        try:
            async with httpx.AsyncClient(timeout=2.0) as http:
                return (await http.get(f"http://{self.metrics}/ready")).status_code == 200
        except httpx.HTTPError:
            return False

    async def leads(self, kind: str = "locks") -> set[int]:
        """Return the partitions of a kind that it decides."""
        partitions = (await self.status()).get("partitions", [])
        leading = (each for each in partitions if (each["kind"], each["phase"]) == (kind, "leading"))
        return {each["partition"] for each in leading}

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return its log lines of one kind."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [told for told in map(json.loads, lines) if told.get("event") == name]


@dataclass
class Cluster:
    """A broker and workers."""

    stack: LocalStack
    logs: Path
    workers: list[WorkerProcess] = field(default_factory=list)

    @property
    def kafka(self) -> str:
        return self.stack.addresses.kafka

    async def worker(self, name: str, **environment: str) -> WorkerProcess:
        worker = WorkerProcess(name, self.kafka, self.logs, **environment)
        self.workers.append(worker)
        await worker.start()
        return worker

    async def led_by(self, *workers: WorkerProcess, idle: bool = False) -> dict[int, WorkerProcess]:
        """Return who decides what, once these workers (without `idle`: all of these) decide every partition."""
        found: dict[int, WorkerProcess] = {}

        async def settled() -> bool:
            led = [await worker.leads() for worker in workers]
            found.clear()
            found.update(
                {number: worker for worker, each in zip(workers, led, strict=True) for number in each}
            )
            return (idle or all(led)) and sorted(number for each in led for number in each) == [0, 1, 2, 3]

        try:
            await until(settled)
        except TimeoutError:
            told = {worker.name: await worker.status() for worker in workers}
            raise AssertionError(f"not every partition is led, or not by all: {told}") from None
        return found

    def connect(self, *workers: WorkerProcess, timeout: float = 60.0) -> Any:
        addresses = [worker.address for worker in workers or self.workers]
        return tidelock.connect(*addresses, token=TOKEN, timeout=timeout, connect_timeout=PATIENCE_S)

    async def end(self) -> None:
        await asyncio.gather(*(worker.end() for worker in self.workers))
        self.workers.clear()


class Load:
    """Clients that acquire and release without pause, and remember what was acknowledged."""

    def __init__(self, cluster: Cluster, prefix: str, clients: int = 4, names: int = 12) -> None:
        self.granted: list[tuple[str, int]] = []
        """(key, token) of every acknowledged grant."""
        self.released: list[tuple[str, int]] = []
        self.errors: Counter[str] = Counter()
        self.last_s = dict.fromkeys(range(names), 0.0)
        """When each name was last granted."""
        self.longest_gap_s = 0.0
        self._cluster = cluster
        self._prefix = prefix
        self._clients = clients
        self._names = names
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._opened: list[Client] = []
        self._holders: Counter[str] = Counter()

    async def start(self) -> None:
        for _ in range(self._clients):
            client = await self._cluster.connect()
            self._opened.append(client)
            for number in range(self._names):
                self._tasks.append(asyncio.create_task(self._cycle(client, number)))
        await self.progress(3)

    async def _cycle(self, client: Client, number: int) -> None:
        name = f"{self._prefix}/{number}"
        while not self._stopping:
            try:
                lease = await client.locks.acquire(name, ttl=30.0, wait=60.0)
                self._granted(number, name, lease.token)
                released = await self._released(client, name, lease)
            except TidelockError as error:
                self.errors[error.code] += 1
            else:
                if released:
                    self.released.append((f"dev/{name}", lease.token))

    def _granted(self, number: int, name: str, token: int) -> None:
        now = time.monotonic()
        if self.last_s[number]:
            self.longest_gap_s = max(self.longest_gap_s, now - self.last_s[number])
        self.last_s[number] = now
        self.granted.append((f"dev/{name}", token))
        self._holders[name] += 1
        assert self._holders[name] == 1, f"{name} is held by two at once"

    async def _released(self, client: Client, name: str, lease: Any) -> bool:
        await asyncio.sleep(0)
        self._holders[name] -= 1
        await client.locks.release(lease)
        return True

    async def progress(self, rounds: int = 1, patience_s: float = PATIENCE_S) -> None:
        """Return once every name was granted so many more times."""
        before = Counter(key for key, _ in self.granted)
        keys = [f"dev/{self._prefix}/{number}" for number in range(self._names)]

        def moved() -> bool:
            for task in self._tasks:
                if task.done():
                    task.result()
            now = Counter(key for key, _ in self.granted)
            return all(now[key] >= before[key] + rounds for key in keys)

        try:
            await until(moved, patience_s)
        except TimeoutError:
            raise AssertionError(f"no progress: {await self._stuck()}; errors {self.errors}") from None

    async def _stuck(self) -> list[str]:
        """Return what is known of the names that were not granted of late."""
        latest = max(self.last_s.values())
        found = []
        for number, last_s in self.last_s.items():
            if latest - last_s > 2.0:
                state = await self._opened[0].inspect(f"{self._prefix}/{number}")
                found.append(f"{self._prefix}/{number}, {latest - last_s:.1f} s behind: {state}")
        return found

    async def stop(self) -> None:
        """Let every command under way end, with an answer or a typed error."""
        self._stopping = True
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*self._tasks)
            await asyncio.gather(*(client.close() for client in self._opened))

    async def cancel(self) -> None:
        """Leave nothing running."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(client.close() for client in self._opened), return_exceptions=True)


@dataclass
class Truth:
    """What the logs say."""

    reports: list[Report] = field(default_factory=list)
    granted: dict[tuple[str, int], PartitionId] = field(default_factory=dict)
    released: set[tuple[str, int]] = field(default_factory=set)
    decisions: list[Decided] = field(default_factory=list)

    def voids(self) -> Counter[str]:
        return sum((report.voids for report in self.reports), Counter[str]())


async def truth(cluster: Cluster) -> Truth:
    """Walk every log with the accept rule and its verifier; fail on any broken promise."""
    found = Truth()

    def note(where: PartitionId) -> Callable[[list[Decided]], None]:
        def each(decided: list[Decided]) -> None:
            found.decisions += decided
            for one in decided:
                for event in one.events:
                    if isinstance(event, LockGranted | LockUpgraded):
                        assert (one.decision.key, event.token) not in found.granted
                        found.granted[one.decision.key, event.token] = where
                    elif isinstance(event, LockReleased):
                        found.released.add((one.decision.key, event.token))

        return each

    for where in PARTITIONS:
        log = KafkaTopicReader(cluster.kafka, where.log_topic, where.partition)
        commands = KafkaTopicReader(cluster.kafka, where.commands_topic, where.partition)
        report = await verify_partition(log, commands, where, WORDS, decided=note(where))
        assert report.ok, report.violations
        found.reports.append(report)
    return found


async def prove(cluster: Cluster, load: Load) -> Truth:
    """Show that every acknowledged answer is in the log, and that clients met nothing but typed errors."""
    found = await truth(cluster)
    assert load.granted
    assert set(load.granted) <= set(found.granted)
    assert set(load.released) <= found.released
    assert len(set(load.granted)) == len(load.granted)
    by_key: dict[str, list[int]] = {}
    for key, token in load.granted:
        by_key.setdefault(key, []).append(token)
    assert all(tokens == sorted(tokens) for tokens in by_key.values())
    return found
