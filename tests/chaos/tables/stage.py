"""Projectors that are killed, stopped, frozen and thawed, one plain pass to compare with, and witnesses."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from storage.kafka.changelog import KafkaChangelogs
from storage.kafka.changelog_topics import SAFE
from storage.kafka.client import consumer
from storage.kafka.topics import TopicSettings, create_missing, create_topics
from storage.tables.codec import CHECKPOINT, decode_marker
from storage.tables.contents import read_contents
from streams.log.positions import PartitionId
from streams.projections.changelog import ChangelogId, topic_of
from streams.projections.projection import Projection
from tests.chaos.tables.producing import LogProducer, one_pass
from tests.chaos.tables.projector import project
from tests.chaos.tables.windows import KEPT, TUMBLING
from tests.integration.engine.cluster import free_port
from tidelock.local.stack import LocalStack

FORKED = get_context("forkserver")
FORKED.set_forkserver_preload(["tests.chaos.tables.projector"])
PARTITIONS = [PartitionId("locks", number) for number in range(4)]
TABLES = [ChangelogId(TUMBLING.name, where) for where in PARTITIONS]
TOPIC = topic_of(TUMBLING.name, "locks")
SESSION_MS = 3000
FROZEN_S = 10.0
"""Long enough for another to load and write: without the fence, three of twelve freezes went wrong."""
COMPACTED = SAFE | {
    "segment.ms": "1000",
    "segment.bytes": str(1024 * 1024),
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "1000",
}
"""A changelog that is compacted all the time."""
FAULTS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGSTOP)
PATIENCE_S = 120.0


@dataclass
class Stage:
    """What happens, and what is seen of it."""

    stack: LocalStack
    logs: Path
    seed: int = 1
    faults: Counter[str] = field(default_factory=Counter)
    backward: list[str] = field(default_factory=list)
    """Batches in a changelog that stand for less of the log than one before."""
    batches: int = 0
    young: int = 0
    """Faults that hit a projector soon after its start: while it joined or loaded."""
    slots: list[ProjectorProcess] = field(default_factory=list)

    @property
    def kafka(self) -> str:
        return self.stack.addresses.kafka

    async def prepare(self, replication: int = 1) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        try:
            settings = TopicSettings(len(PARTITIONS), replication, max(1, replication - 1))
            await create_topics(admin, ("locks",), settings)
            topics = [topic_of(one.name, "locks") for one in KEPT]
            await create_missing(
                admin,
                [NewTopic(each, len(PARTITIONS), replication, topic_configs=COMPACTED) for each in topics],
            )
        finally:
            await admin.close()

    async def run(
        self, faults: int, projectors: int = 2, beside: Callable[[], Awaitable[None]] | None = None
    ) -> dict[ChangelogId, str]:
        """Produce, hurt `projectors` until there were `faults`, heal, and compare. Return what differs.

        `beside`: what else happens, while projectors are not hurt any more.
        """
        self.slots = [ProjectorProcess(number, self) for number in range(projectors)]
        producers = [LogProducer(self.kafka, where, len(PARTITIONS)) for where in PARTITIONS]
        producing = [asyncio.create_task(each.run()) for each in producers]
        watching = asyncio.create_task(self._watch())
        try:
            await asyncio.gather(*(self._hurt(slot, faults) for slot in self.slots))
            if beside is not None:
                await beside()
            assert not watching.done(), watching.exception()
            for each in producers:
                each.stop()
            await asyncio.gather(*producing)
            return await self.compare()
        finally:
            for task in (watching, *producing):
                task.cancel()
            await asyncio.gather(watching, *producing, return_exceptions=True)
            for slot in self.slots:
                await slot.end()

    async def _hurt(self, slot: ProjectorProcess, faults: int) -> None:
        rng = random.Random(self.seed * 1000 + slot.number)
        slot.start()
        while self.faults.total() < faults:
            young = rng.random() < 0.3
            if not young:
                await self.more_batches(20)
            await asyncio.sleep(rng.uniform(0.2, 4.0))
            fault = rng.choice(FAULTS)
            self.faults[fault.name] += 1
            self.young += young
            await slot.suffer(fault)

    async def more_batches(self, count: int) -> None:
        """Wait until somebody has written so many."""
        wanted, end_s = self.batches + count, time.monotonic() + PATIENCE_S
        while self.batches < wanted:
            told = [await slot.told() for slot in self.slots] if time.monotonic() > end_s else []
            assert not told, f"nothing is written: {told}; faults: {self.faults}"
            await asyncio.sleep(0.05)

    async def compare(self) -> dict[ChangelogId, str]:
        """Wait until the tables have all of the logs, and compare every row with one plain pass."""
        changelogs = KafkaChangelogs(self.kafka, "a witness")
        try:
            return {
                ChangelogId(one.name, where): difference
                for one in KEPT
                for where in PARTITIONS
                if (difference := await self._difference(changelogs, one, where)) is not None
            }
        finally:
            await changelogs.close()

    async def _difference(
        self, changelogs: KafkaChangelogs, projection: Projection, where: PartitionId
    ) -> str | None:
        end, wanted = await one_pass(self.kafka, projection, where)
        table = ChangelogId(projection.name, where)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                stored = (await changelogs.ends([table]))[table]
                contents = await read_contents(changelogs, table, stored, projection)
                if contents.checkpoint.next_offset >= end:
                    break
                await asyncio.sleep(0.5)
        for each, rows in wanted.items():
            if contents.rows[each] != rows:
                found = contents.rows[each]
                wrong = [key for key in rows.keys() | found.keys() if rows.get(key) != found.get(key)]
                return f"{each.name}: " + ", ".join(
                    f"{key}: {found.get(key)} stored, {rows.get(key)} in the log" for key in sorted(wrong)[:5]
                )
        return None

    async def _watch(self) -> None:
        """Read the changelogs as they grow: a batch that goes backward would be a frozen writer's."""
        reading, reached = consumer(self.kafka), dict.fromkeys(range(len(PARTITIONS)), (0, 0))
        await reading.start()
        try:
            at = [TopicPartition(TOPIC, number) for number in range(len(PARTITIONS))]
            reading.assign(at)
            await reading.seek_to_beginning(*at)
            while True:
                for partition, records in (await reading.getmany(timeout_ms=500)).items():
                    for record in records:
                        if record.key == CHECKPOINT and record.value is not None:
                            marker = decode_marker(record.value)
                            here = (marker.build, marker.checkpoint.next_offset)
                            self.batches += 1
                            if here <= reached[partition.partition]:
                                self.backward.append(f"{partition}@{record.offset}: {here}")
                            reached[partition.partition] = here
        finally:
            await reading.stop()

    async def compacted(self) -> int:
        """Return how many records compaction took."""
        changelogs, taken = KafkaChangelogs(self.kafka, "a witness"), 0
        try:
            for table, end in (await changelogs.ends(TABLES)).items():
                taken += end
                async for entries in changelogs.read(table, 0, end):
                    taken -= len(entries)
        finally:
            await changelogs.close()
        return taken


class ProjectorProcess:
    """One projector."""

    def __init__(self, number: int, stage: Stage) -> None:
        self.number = number
        self._log = stage.logs / f"projector-{number}.log"
        self._process: ForkServerProcess | None = None
        self._environment = {
            "TIDELOCK_KAFKA": stage.kafka,
            "TIDELOCK_POSTGRES": str(stage.stack.addresses.postgres),
            "TIDELOCK_PROJECTOR_NAME": f"chaos-{number}",
            "TIDELOCK_PROJECTOR_METRICS": f"127.0.0.1:{free_port()}",
            "TIDELOCK_SESSION_TIMEOUT_MS": str(SESSION_MS),
        }

    def start(self) -> None:
        self._process = FORKED.Process(target=project, args=(self._environment, self._log), daemon=True)
        self._process.start()

    async def suffer(self, fault: signal.Signals) -> None:
        """Have it go through `fault`, and run again."""
        self._signal(fault)
        if fault is signal.SIGSTOP:
            await asyncio.sleep(FROZEN_S)
            self._signal(signal.SIGCONT)
            if self._process is not None and self._process.is_alive():
                return
        await self._ended()
        self.start()

    async def told(self) -> str:
        """Return what it says of itself."""
        try:
            async with httpx.AsyncClient(timeout=2.0, trust_env=False) as http:
                address = self._environment["TIDELOCK_PROJECTOR_METRICS"]
                return f"{self.number}: {(await http.get(f'http://{address}/status')).text}"
        except httpx.HTTPError as error:
            return f"{self.number}: {error!r}, {self._process}"

    async def end(self) -> None:
        self._signal(signal.SIGKILL)
        await self._ended()

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None and process.pid is not None and process.is_alive():
            os.kill(process.pid, number)

    async def _ended(self) -> None:
        while self._process is not None and self._process.is_alive():
            await asyncio.sleep(0.02)
