"""The ports of `streams.log` on a real Kafka: one partition's log, topic lane and dead letters."""

import asyncio
from collections.abc import AsyncIterator, Callable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from storage.kafka.client import consumer, finish, name_of
from storage.kafka.writer import KafkaLogWriter, open_writer
from streams.log.letters import DeadLetter, encode_letter
from streams.log.ports import DeadLetters, LogUnavailable, Stored
from streams.log.positions import DEAD_LETTERS, PartitionId

PRODUCER_END_S = 15.0
"""What a producer still has to send may take its request timeout."""
MAX_IDLE_FETCHES = 10
"""Fetches of a second each without a record, below an end that was told: the tail may be gone."""


class KafkaTopicReader:
    """Reads one partition of one topic by offset."""

    def __init__(
        self, bootstrap: str, topic: str, partition: int, lookups: AIOKafkaConsumer | None = None
    ) -> None:
        self._bootstrap = bootstrap
        self._at = TopicPartition(topic, partition)
        self._lookups = lookups
        """A started consumer that answers for offsets; without one, each look-up opens its own."""

    async def bounds(self) -> tuple[int, int]:
        """Return (first retained offset, end offset)."""
        if self._lookups is None:
            async with opened(self._bootstrap, self._at) as reading:
                return await self._bounds(reading)
        try:
            return await self._bounds(self._lookups)
        except KafkaError as error:
            raise LogUnavailable(f"{name_of(self._at)}: {error!r}") from error

    async def _bounds(self, lookups: AIOKafkaConsumer) -> tuple[int, int]:
        first = await lookups.beginning_offsets([self._at])
        end = await lookups.end_offsets([self._at])
        return first[self._at], end[self._at]

    async def read(self, start: int, end: int | None = None) -> AsyncIterator[list[Stored]]:
        """Yield batches in order from `start`, up to `end` (exclusive), or for ever."""
        if end is not None and start >= end:
            return
        async with opened(self._bootstrap, self._at) as reading:
            reading.seek(self._at, start)
            idle = 0
            while True:
                fetched = await reading.getmany(timeout_ms=1000, max_records=5000)
                records = [
                    Stored(record.offset, record.timestamp, record.value)
                    for record in fetched.get(self._at, ())
                    if end is None or record.offset < end
                ]
                if records:
                    yield records
                if end is not None and await reading.position(self._at) >= end:
                    return
                idle = 0 if records else idle + 1
                if end is not None and idle >= MAX_IDLE_FETCHES:
                    raise LogUnavailable(f"{name_of(self._at)}: nothing comes up to offset {end}.")


class opened:  # noqa: N801 - reads as a verb at its place of use
    """A consumer of one partition, started and stopped; Kafka's errors become `LogUnavailable`."""

    def __init__(self, bootstrap: str, at: TopicPartition) -> None:
        self._consumer: AIOKafkaConsumer = consumer(bootstrap)
        self._at = at

    async def __aenter__(self) -> AIOKafkaConsumer:
        try:
            await self._consumer.start()
            self._consumer.assign([self._at])
        except BaseException as error:  # cancelled while it connects, it would keep its connections
            await finish(self._consumer.stop())
            if isinstance(error, KafkaError):
                raise LogUnavailable(f"{name_of(self._at)}: {error!r}") from error
            raise
        return self._consumer

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        await self._consumer.stop()
        if isinstance(error, KafkaError):
            raise LogUnavailable(f"{name_of(self._at)}: {error!r}") from error


class KafkaDeadLetters:
    """Copies of what could not be decided or projected, in `tidelock.dead-letters`.

    An idempotent producer may fail for good: after every failure the next letter makes another.
    """

    def __init__(self, make: Callable[[], AIOKafkaProducer]) -> None:
        self._make = make
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def put(self, letter: DeadLetter) -> None:
        """Store the copy durably."""
        producer = await self._started()
        try:
            await producer.send_and_wait(DEAD_LETTERS, encode_letter(letter), key=letter.place.encode())
        except Exception as error:
            self._discard(producer)
            if isinstance(error, KafkaError):
                raise LogUnavailable(f"{DEAD_LETTERS}: {error!r}") from error
            raise

    async def start(self) -> None:
        """Make the first producer now: a fresh cluster takes a moment to give out producer ids, writers' ones too."""
        await self._started()

    async def close(self) -> None:
        """End the producers, those that failed too."""
        if self._producer is not None:
            self._discard(self._producer)
        await asyncio.gather(*self._closing)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = self._make()
                try:
                    await producer.start()
                except BaseException as error:
                    await finish(producer.stop(), PRODUCER_END_S)
                    if isinstance(error, KafkaError):
                        raise LogUnavailable(f"{DEAD_LETTERS}: {error!r}") from error
                    raise
                self._producer = producer
            return self._producer

    def _discard(self, producer: AIOKafkaProducer) -> None:
        """Have the next letter make another one. What others have under way on it ends as it may."""
        if self._producer is producer:
            self._producer = None
            self._end_beside(producer)

    def _end_beside(self, producer: AIOKafkaProducer) -> None:
        ending = finish(producer.stop(), PRODUCER_END_S)
        closing = asyncio.create_task(ending, name="end a dead-letter producer")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


class KafkaPartitionPorts:
    """Everything one partition's owner touches."""

    def __init__(
        self,
        bootstrap: str,
        where: PartitionId,
        dead_letters: DeadLetters,
        lookups: AIOKafkaConsumer | None = None,
    ) -> None:
        self._bootstrap = bootstrap
        self._where = where
        self.log = KafkaTopicReader(bootstrap, where.log_topic, where.partition, lookups)
        self.commands = KafkaTopicReader(bootstrap, where.commands_topic, where.partition, lookups)
        self.dead_letters = dead_letters

    async def writer(self) -> KafkaLogWriter:
        """Open a new writer."""
        return await open_writer(self._bootstrap, self._where.log_topic, self._where.partition)
