"""The one writer of a partition's log: idempotent, in order, several appends in flight, and it never retries.

It stands on aiokafka's client and batch builder instead of its producer, which sends one request a broker at a
time and is made to retry. An owner wants neither: its ownership ends at the first append that fails, because the
chain says the rest (docs/adr/0008).
"""

import asyncio

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from storage.kafka.client import MAX_RECORD_BYTES, connection, finish, name_of
from streams.log.ports import Appended, AppendUnknown, LogUnavailable, RecordTooLarge

ACKS_ALL = -1
NO_TIMESTAMP = -1
"""What a broker answers for a topic that keeps the producers' time."""
MAX_SEQUENCE = 2**31 - 1
"""The largest sequence number of an epoch; behind it comes 0 again."""
APPEND_TIMEOUT_MS = 30_000
"""How long an append may go unacknowledged before its ownership ends: a broker that pauses comes back sooner."""


class KafkaLogWriter:
    """One ordered, idempotent writer of one partition. Made by `open_writer`."""

    def __init__(self, client: AIOKafkaClient, at: TopicPartition, producer: tuple[int, int]) -> None:
        self._client = client
        self._at = at
        self._producer = producer
        """(id, epoch), from the broker: an epoch's sequence numbers begin at 0 and have no gaps."""
        self._sequence = 0
        self._broken: Exception | None = None

    async def append(self, record: bytes) -> "asyncio.Future[Appended]":
        """Send `record` behind all earlier ones; the future fails with `AppendUnknown`.

        It has left when this returns: what its owner decides next, for milliseconds perhaps, does not hold it up.
        """
        if self._broken is not None:
            raise AppendUnknown(f"{name_of(self._at)}: it ended: {self._broken!r}")
        builder = DefaultRecordBatchBuilder(
            magic=2, compression_type=0, is_transactional=0, producer_id=self._producer[0],
            producer_epoch=self._producer[1], base_sequence=self._sequence, batch_size=MAX_RECORD_BYTES,
        )  # fmt: skip
        self._sequence = (self._sequence + 1) & MAX_SEQUENCE
        builder.append(0, None, key=None, value=record, headers=[])
        producing = asyncio.create_task(self._produce(bytes(builder.build())))
        await asyncio.sleep(0)  # it starts, and writes
        return producing

    async def _produce(self, batch: bytes) -> Appended:
        """Send at once: tasks start in the order in which they were made, and a connection keeps it."""
        topic, partition = self._at
        try:
            leader = self._client.cluster.leader_for_partition(self._at)
            request = ProduceRequest(None, ACKS_ALL, APPEND_TIMEOUT_MS, [(topic, [(partition, batch)])])
            response = await self._client.send(leader, request)
            return self._landed(response.topics[0][1][0])
        except KafkaError as error:
            self._broken = error
            raise AppendUnknown(f"{name_of(self._at)}: {error!r}") from error
        except Exception as error:
            self._broken = error
            raise

    def _landed(self, answer: tuple[int, ...]) -> Appended:
        _, code, offset, timestamp_ms, *_ = answer
        if code:
            error = for_code(code)
            if error is MessageSizeTooLargeError:
                raise RecordTooLarge(f"{name_of(self._at)}: the record does not fit.")
            raise error(f"answered by the broker for producer {self._producer}")
        if timestamp_ms == NO_TIMESTAMP:
            raise AppendUnknown(f"{name_of(self._at)} does not stamp LogAppendTime; repair the topic.")
        return Appended(offset, timestamp_ms)

    async def close(self) -> None:
        """Stop, without waiting long for a broker that is away: what is still queued may or may not land."""
        self._broken = self._broken or ConnectionAbortedError("the writer was closed")
        await finish(self._client.close())


async def open_writer(bootstrap: str, topic: str, partition: int) -> KafkaLogWriter:
    """Return a new writer, with a producer id of its own. Raises `LogUnavailable`."""
    at, client = TopicPartition(topic, partition), connection(bootstrap, APPEND_TIMEOUT_MS)
    try:
        await client.bootstrap()
        await client.set_topics([topic])
        leader = client.cluster.leader_for_partition(at)
        if leader is None or leader < 0:
            raise LogUnavailable(f"{name_of(at)} has no leader now.")
        answer = await client.send(leader, InitProducerIdRequest(None, APPEND_TIMEOUT_MS))
        if answer.error_code:
            raise for_code(answer.error_code)()
    except BaseException as error:
        await finish(client.close())
        if isinstance(error, KafkaError):
            raise LogUnavailable(f"{name_of(at)}: {error!r}") from error
        raise
    return KafkaLogWriter(client, at, (answer.producer_id, answer.producer_epoch))
