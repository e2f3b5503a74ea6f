"""A connection to a partition's leader that only produces: requests out, answers in, several under way.

aiokafka's own connection serves every request there is: it builds and reads each by a schema, and each goes through
three tasks. Here is one request of one partition, of which nothing changes but a number and the batch, and an answer
whose every field has its place: a third of the processor time (docs/adr/0008). Brokers since 2.1 take this version.
"""

import asyncio
from struct import Struct
from typing import Protocol, cast

from aiokafka import TopicPartition
from aiokafka.errors import CorrelationIdError, KafkaConnectionError, KafkaError

API_KEY, API_VERSION = 0, 7
ACKS_ALL = -1
NO_TRANSACTION = -1
CLIENT_ID = b"tidelock"
IDLE_S = 9 * 60.0
"""A connection that was not used for so long is not used again: brokers close theirs after 10 minutes."""
_SIZE = Struct(">i")
_HEAD = Struct(">ihhi")


class Producing(Protocol):
    """Whoever sends batches over the connection."""

    def answered(self, code: int, offset: int, timestamp_ms: int) -> None:
        """Take the answer to the oldest batch that has none: `code` is Kafka's, 0 if the batch landed."""

    def lost(self, connection: "ProduceConnection", error: KafkaError) -> None:
        """The connection is gone. Called once."""


class ProduceConnection(asyncio.Protocol):
    """One TCP connection. Batches are written at once, in the order of the calls."""

    def __init__(self, at: TopicPartition, timeout_ms: int, producing: Producing) -> None:
        """`timeout_ms`: how long the broker may wait for its replicas."""
        topic = at.topic.encode()
        self._producing = producing
        self._place = Struct(f">h{len(CLIENT_ID)}shhiih{len(topic)}sii").pack(
            len(CLIENT_ID), CLIENT_ID, NO_TRANSACTION, ACKS_ALL, timeout_ms, 1, len(topic), topic, 1, at.partition
        )  # fmt: skip
        self._answer = Struct(f">iiih{len(topic)}siihqqqi")
        """Size, number, one topic and its name, one partition and its number, code, offset, timestamp, ..."""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._sent = self._answered = 0
        self._used_s = self._loop.time()
        self._why: KafkaError | None = None

    @property
    def is_fit(self) -> bool:
        """Whether a batch may be sent over it."""
        return self._transport is not None and self._loop.time() - self._used_s < IDLE_S

    def send(self, batch: bytes) -> None:
        """Write a batch, over a connection that is fit; `Producing` hears what became of it."""
        assert self._transport is not None
        self._sent = (self._sent + 1) & 0x7FFFFFFF
        self._used_s = self._loop.time()
        place, size = self._place, len(batch)
        head = _HEAD.pack(_HEAD.size + len(place) + size, API_KEY, API_VERSION, self._sent)
        self._transport.write(b"".join((head, place, _SIZE.pack(size), batch)))

    def close(self, why: KafkaError) -> None:
        """Hang up, without waiting for the broker."""
        self._why = self._why or why
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready (asyncio)."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Hand on the answers that are complete (asyncio)."""
        data = self._received + data if self._received else data
        answer, begin = self._answer, 0
        while len(data) - begin >= answer.size:
            size, number, _, _, _, _, _, code, offset, timestamp_ms, _, _ = answer.unpack_from(data, begin)
            due = (self._answered + 1) & 0x7FFFFFFF
            if size != answer.size - _SIZE.size or number != due or self._answered == self._sent:
                self.close(CorrelationIdError(f"answer {number} of {size} bytes came instead of {due}"))
                return
            self._answered = due
            begin += answer.size
            self._producing.answered(code, offset, timestamp_ms)
        self._received = data[begin:]

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end (asyncio)."""
        self._transport = None
        self._producing.lost(self, self._why or KafkaConnectionError(f"the connection ended: {exc!r}"))
