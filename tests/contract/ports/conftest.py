"""The adapters of the engine's ports: in memory, and on a real Kafka."""

from collections.abc import AsyncIterator
from itertools import count
from typing import Protocol

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from storage.kafka.client import consumer, producer
from storage.kafka.log import KafkaDeadLetters, KafkaPartitionPorts
from storage.kafka.topics import TopicSettings, create_topics
from storage.memory.log import MemoryPartitionPorts
from streams.engine.world import SystemClock
from streams.log.letters import DeadLetter, decode_letter
from streams.log.ports import PartitionPorts
from streams.log.positions import DEAD_LETTERS, PartitionId
from tidelock.local.testing import kafka_for_tests

PARTITION = 1
"""The specs use the second of two partitions, so that nothing works by being zero."""


class Realm(Protocol):
    """Fresh ports, and a way to what the ports alone do not show."""

    where: PartitionId

    @property
    def ports(self) -> PartitionPorts: ...

    async def command(self, value: bytes | None) -> int:
        """Have a producer send a command; return its offset."""

    async def letters(self) -> list[tuple[str, bytes | None]]:
        """Return (code, bytes) of the dead letters of this partition."""


class MemoryRealm:
    def __init__(self) -> None:
        self.where = PartitionId("contract", PARTITION)
        self.ports = MemoryPartitionPorts(SystemClock())

    async def command(self, value: bytes | None) -> int:
        return self.ports.commands.append(value).offset

    async def letters(self) -> list[tuple[str, bytes | None]]:
        return [(one.code, one.body) for one in self.ports.dead_letters.letters]


class KafkaRealm:
    def __init__(self, kafka: str, kind: str, running: AIOKafkaProducer, reading: AIOKafkaConsumer) -> None:
        self.where = PartitionId(kind, PARTITION)
        self.letters_of = KafkaDeadLetters(lambda: producer(kafka))
        self.ports = KafkaPartitionPorts(kafka, self.where, self.letters_of)
        self._producer = running
        self._consumer = reading

    async def command(self, value: bytes | None) -> int:
        sent = await self._producer.send_and_wait(
            self.where.commands_topic, value, key=b"k", partition=PARTITION
        )
        return int(sent.offset)

    async def letters(self) -> list[tuple[str, bytes | None]]:
        at = TopicPartition(DEAD_LETTERS, 0)
        self._consumer.assign([at])
        await self._consumer.seek_to_beginning(at)
        end = (await self._consumer.end_offsets([at]))[at]
        found = []
        while await self._consumer.position(at) < end:
            found += (await self._consumer.getmany(timeout_ms=500)).get(at, [])
        told = [decode_letter(record.value) for record in found]
        return [
            (one.code, one.body) for one in told if isinstance(one, DeadLetter) and one.where == self.where
        ]


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[
        "memory",
        pytest.param("kafka", marks=[pytest.mark.integration, pytest.mark.xdist_group("ports")]),
    ],
)
async def kafka(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    """A real broker's address; empty: in memory."""
    if request.param == "memory":
        yield ""
        return
    async with kafka_for_tests(tmp_path_factory.mktemp("kafka")) as stack:
        yield stack.addresses.kafka


_numbers = count()


@pytest_asyncio.fixture(loop_scope="module")
async def realm(kafka: str) -> AsyncIterator[Realm]:
    """Fresh ports: their log is empty."""
    if not kafka:
        yield MemoryRealm()
        return
    kind = f"contract{next(_numbers)}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await create_topics(admin, (kind,), TopicSettings(partitions=2))
    await admin.close()
    running, reading = producer(kafka), consumer(kafka)
    await running.start()
    await reading.start()
    topics = (PartitionId(kind, PARTITION).log_topic, PartitionId(kind, PARTITION).commands_topic)
    await reading.end_offsets(
        [TopicPartition(topic, PARTITION) for topic in topics]
    )  # answers once they are led
    realm = KafkaRealm(kafka, kind, running, reading)
    yield realm
    await realm.letters_of.close()
    await reading.stop()
    await running.stop()
