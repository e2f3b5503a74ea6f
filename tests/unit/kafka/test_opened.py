"""A consumer of one partition: however its start ends, its connections end with it."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from storage.kafka import log
from storage.kafka.log import opened
from streams.log.ports import LogUnavailable

AT = TopicPartition("tidelock.locks.log", 3)


class Consumer:
    """Starts when it is let; tells whether it was stopped."""

    def __init__(self) -> None:
        self.starting, self.go = asyncio.Event(), asyncio.Event()
        self.error: Exception | None = None
        self.stopped = False

    async def start(self) -> None:
        self.starting.set()
        await self.go.wait()
        if self.error is not None:
            raise self.error

    def assign(self, partitions: list[TopicPartition]) -> None:
        assert partitions == [AT]

    async def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> Consumer:
    made = Consumer()
    monkeypatch.setattr(log, "consumer", lambda _: made)
    return made


async def read() -> None:
    async with opened("nowhere:1", AT):
        pass


async def test_it_is_stopped_when_it_was_cancelled_while_it_started(consumer: Consumer) -> None:
    reading = asyncio.create_task(read())
    await consumer.starting.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert consumer.stopped


async def test_it_is_stopped_when_kafka_is_away(consumer: Consumer) -> None:
    consumer.error = KafkaConnectionError("nobody there")
    consumer.go.set()
    with pytest.raises(LogUnavailable, match="locks"):
        await read()
    assert consumer.stopped
