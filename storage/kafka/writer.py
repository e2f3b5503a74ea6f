"""The one writer of a partition's log: idempotent, in order, several appends in flight, and it never retries.

It stands on aiokafka's client and batch builder, and on a connection of its own, instead of aiokafka's producer,
which sends one request a broker at a time and is made to retry. An owner wants neither: its ownership ends at the
first append that fails, because the chain says the rest (docs/adr/0008).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    NodeNotReadyError,
    RequestTimedOutError,
    for_code,
)
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from storage.kafka.client import MAX_RECORD_BYTES, connection, finish, name_of
from storage.kafka.produce import ProduceConnection, Producing
from streams.log.ports import Appended, AppendUnknown, LogUnavailable, RecordTooLarge

NO_TIMESTAMP = -1
"""What a broker answers for a topic that keeps the producers' time."""
MAX_SEQUENCE = 2**31 - 1
"""The largest sequence number of an epoch; behind it comes 0 again."""
APPEND_TIMEOUT_MS = 30_000
"""How long an append may go unacknowledged before its ownership ends: a broker that pauses comes back sooner."""
CONNECT_TIMEOUT_S = 5.0
"""How long the leader may take to accept a connection: whoever decides waits for it, and nothing is in doubt yet."""
MAX_BATCH_BYTES = 8 * MAX_RECORD_BYTES
"""What a topic takes in one batch at most; a topic may be told to take less."""

Entry: TypeAlias = tuple[bytes | None, bytes | None]
"""(key, value)"""
Connect: TypeAlias = Callable[[Producing], Awaitable[ProduceConnection]]


class KafkaLogWriter:
    """One ordered, idempotent writer of one partition. Made by `open_writer`."""

    def __init__(self, connect: Connect, at: TopicPartition, producer: tuple[int, int]) -> None:
        self._connect = connect
        self._at = at
        self._producer = producer
        """(id, epoch), from the broker: an epoch's sequence numbers begin at 0 and have no gaps."""
        self._sequence = 0
        self._connection: ProduceConnection | None = None
        self._unanswered: deque[asyncio.Future[Appended]] = deque()
        self._late: asyncio.TimerHandle | None = None
        self._broken: Exception | None = None

    async def append(self, record: bytes) -> "asyncio.Future[Appended]":
        """Send `record` behind all earlier ones; the future fails with `AppendUnknown`.

        It has left when this returns: what its owner decides next, for milliseconds perhaps, does not hold it up.
        """
        return await self.append_batch([(None, record)])

    async def append_batch(self, entries: Sequence[Entry]) -> "asyncio.Future[Appended]":
        """Send all of `entries` as one batch: the log has them all, or none. The future tells the first's offset.

        Raises `RecordTooLarge`, and the future fails, as `append` does.
        """
        connected = self._connection
        if not self._unanswered and (connected is None or not connected.is_fit):
            connected = await self._connected()
        if self._broken is not None or connected is None:
            raise AppendUnknown(f"{name_of(self._at)}: it ended: {self._broken!r}")
        builder = DefaultRecordBatchBuilder(
            magic=2, compression_type=0, is_transactional=0, producer_id=self._producer[0],
            producer_epoch=self._producer[1], base_sequence=self._sequence, batch_size=MAX_BATCH_BYTES,
        )  # fmt: skip
        for place, (key, data) in enumerate(entries):
            if builder.append(place, None, key=key, value=data, headers=[]) is None:
                raise RecordTooLarge(f"{name_of(self._at)}: {len(entries)} records do not fit one batch.")
        self._sequence = (self._sequence + len(entries)) & MAX_SEQUENCE
        appending = asyncio.get_running_loop().create_future()
        self._unanswered.append(appending)
        if self._late is None:
            self._be_impatient()
        connected.send(bytes(builder.build()))
        return appending

    async def _connected(self) -> ProduceConnection | None:
        """Return a new connection, unless it is over: brokers close what is idle, and then nothing is in doubt."""
        self._hang_up(KafkaConnectionError("it was idle"))
        if self._broken is not None:
            return None
        try:
            self._connection = made = await self._connect(self)
        except OSError as error:  # `TimeoutError` is one
            self._broken = error
            raise AppendUnknown(f"{name_of(self._at)}: no connection to its leader: {error!r}") from error
        if not made.is_fit:
            self._broken = KafkaConnectionError("the connection ended at once")
        return made

    # ── storage.kafka.produce.Producing ─────────────────────────────────────────────────────────────────────

    def answered(self, code: int, offset: int, timestamp_ms: int) -> None:
        """Tell who waits for the oldest append where it landed."""
        self._be_patient()
        appending = self._unanswered.popleft()
        if self._unanswered:
            self._be_impatient()
        error = self._problem(code, timestamp_ms)
        if error is None:
            if not appending.done():
                appending.set_result(Appended(offset, timestamp_ms))
            return
        self._broken = self._broken or error
        if not appending.done():
            appending.set_exception(error)

    def lost(self, connection: ProduceConnection, error: KafkaError) -> None:
        """Nobody knows what became of the appends that have no answer; without any, nothing happened."""
        if connection is not self._connection:
            return
        self._be_patient()
        self._connection = None
        if self._unanswered:
            self._broken = self._broken or error
        while self._unanswered:
            appending = self._unanswered.popleft()
            if not appending.done():
                appending.set_exception(self._unknown(error))

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────

    def _problem(self, code: int, timestamp_ms: int) -> Exception | None:
        if code:
            error = for_code(code)
            if error is MessageSizeTooLargeError:
                return RecordTooLarge(f"{name_of(self._at)}: the record does not fit.")
            return self._unknown(error(f"answered by the broker for producer {self._producer}"))
        if timestamp_ms == NO_TIMESTAMP:
            return AppendUnknown(f"{name_of(self._at)} does not stamp LogAppendTime; repair the topic.")
        return None

    def _unknown(self, error: KafkaError) -> AppendUnknown:
        unknown = AppendUnknown(f"{name_of(self._at)}: {error!r}")
        unknown.__cause__ = error
        return unknown

    def _be_impatient(self) -> None:
        late = RequestTimedOutError(f"no answer within {APPEND_TIMEOUT_MS} ms")
        self._late = asyncio.get_running_loop().call_later(APPEND_TIMEOUT_MS / 1000, self._hang_up, late)

    def _be_patient(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _hang_up(self, why: KafkaError) -> None:
        if self._connection is not None:
            self._connection.close(why)  # `lost` follows

    async def close(self) -> None:
        """Stop, without waiting for the broker: what is still queued may or may not land."""
        ended = KafkaConnectionError("the writer was closed")
        self._broken = self._broken or ended
        self._hang_up(ended)


async def open_writer(bootstrap: str, topic: str, partition: int, fence: str | None = None) -> KafkaLogWriter:
    """Return a new writer. Raises `LogUnavailable`.

    Without `fence` it has a producer id of its own. With one it takes the next epoch of that transactional id: once its
    first record has landed, the broker refuses what any earlier writer behind the same fence sends (docs/adr/0027).
    """
    at, client = TopicPartition(topic, partition), connection(bootstrap, APPEND_TIMEOUT_MS)
    try:
        await client.bootstrap()
        await client.set_topics([topic])
        leader = client.cluster.leader_for_partition(at)
        if leader is None or leader < 0:
            raise LogUnavailable(f"{name_of(at)} has no leader now.")
        asked = leader if fence is None else await _coordinator(client, fence)
        answer = await client.send(asked, InitProducerIdRequest(fence, APPEND_TIMEOUT_MS))
        if answer.error_code:
            raise for_code(answer.error_code)()
        broker = client.cluster.broker_metadata(leader)
        if broker is None:
            raise LogUnavailable(f"{name_of(at)}: its leader, broker {leader}, has no address now.")
        connect = connected_to(broker.host, broker.port, at)
        writer = KafkaLogWriter(connect, at, (answer.producer_id, answer.producer_epoch))
    except KafkaError as error:
        raise LogUnavailable(f"{name_of(at)}: {error!r}") from error
    finally:
        await finish(client.close())
    return writer


def connected_to(host: str, port: int, at: TopicPartition) -> Connect:
    """Return what connects a writer to the leader of its partition."""

    async def connect(producing: Producing) -> ProduceConnection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, made = await loop.create_connection(
                lambda: ProduceConnection(at, APPEND_TIMEOUT_MS, producing), host, port
            )
        return made

    return connect


async def _coordinator(client: AIOKafkaClient, fence: str) -> int:
    """Return the broker that keeps the fence's epoch."""
    node: int = await client.coordinator_lookup(CoordinationType.TRANSACTION, fence)
    if not await client.ready(node):
        raise NodeNotReadyError(f"broker {node}, which keeps {fence}")
    return node
