"""The topic lane: commands from Kafka, in order, from the first one the log has not decided."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from schemas.errors import RegistryUnavailable, SchemaError
from streams.domain.decider import TIMER, Rejected
from streams.engine.backlog import Backlog
from streams.engine.intake import CommandTooLarge, take_in
from streams.engine.outbox import Identity
from streams.engine.pending import NOBODY, Pending
from streams.log.letters import Stage, letter_of_command
from streams.log.ports import PartitionPorts, Stored
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary

MAX_QUEUED = 2000
"""Commands read ahead, at the most."""
CONFLUENT = b"\0"
"""First byte of Confluent's framing; single-object encoding begins with C3."""
REGISTRY_PAUSE_S = 1.0


class Framing(Protocol):
    """Turns commands in a schema registry's framing into single-object encoding."""

    async def to_single_object(self, data: bytes) -> bytes:
        """Return the single-object encoding. Raises `SchemaError`; `RegistryUnavailable` is worth a retry."""


class TopicLane:
    """Reads one commands partition ahead of the owner, a bounded way."""

    def __init__(
        self,
        where: PartitionId,
        vocabulary: Vocabulary,
        ports: PartitionPorts,
        partitions: int,
        identify: Callable[[], Identity],
        wake: Callable[[], None],
        framing: Framing | None = None,
        said: Callable[[Exception], None] = lambda _: None,
        max_bytes: int = 32 * 1024 * 1024,
    ) -> None:
        self.queue = Backlog()
        self._where = where
        self._vocabulary = vocabulary
        self._ports = ports
        self._partitions = partitions
        self._identify = identify
        self._wake = wake
        self._framing = framing
        self._said = said
        self._max_bytes = max_bytes
        self._room = asyncio.Event()

    async def run(self, start: int) -> None:
        """Read from offset `start` until cancelled. Raises `LogUnavailable`."""
        self.queue.clear()
        async for records in self._ports.commands.read(start):
            arrived_s = monotonic()
            for record in records:
                while len(self.queue) >= MAX_QUEUED or self.queue.bytes >= self._max_bytes:
                    self._room.clear()
                    self._wake()
                    await self._room.wait()
                pending = await self._take(record)
                pending.arrived_s = arrived_s
                self.queue.append(pending)
            self._wake()

    def drained(self) -> None:
        """Say that the owner took some."""
        if len(self.queue) <= MAX_QUEUED // 2 and self.queue.bytes <= self._max_bytes // 2:
            self._room.set()

    async def _take(self, record: Stored) -> Pending:
        try:
            pending = self._decode(await self._unframed(record.value))
            if (refusal := pending.refusal) is not None:
                await self._give_up("DECIDE", record, refusal.code, refusal.message, pending.meta.traceparent)
        except (SchemaError, CommandTooLarge, NullCommand) as error:
            await self._give_up("DECODE", record, error.code, str(error))
            pending = Pending("TOPIC", NOBODY, None, "", TIMER, b"", 0)
            pending.refusal = Rejected(
                error.code, f"{self._where.commands_topic}@{record.offset}: {error}"[:500]
            )
        pending.offset = record.offset
        pending.raw = record.value or b""
        pending.size = len(pending.raw)  # all that is held, also of what could not be decoded
        return pending

    async def _give_up(
        self, stage: Stage, record: Stored, code: str, reason: str, traceparent: str | None = None
    ) -> None:
        letter = letter_of_command(
            stage, self._identify().tenant, self._where, record.offset, record.timestamp_ms, record.value, code,
            reason, traceparent,
        )  # fmt: skip
        await self._ports.dead_letters.put(letter)

    async def _unframed(self, data: bytes | None) -> bytes:
        """Return a command in single-object encoding; waits for a schema registry that is away."""
        if data is None:
            raise NullCommand
        while self._framing is not None and data[:1] == CONFLUENT:
            try:
                return await self._framing.to_single_object(data)
            except RegistryUnavailable as error:
                self._said(error)
                await asyncio.sleep(REGISTRY_PAUSE_S)
        return data

    def _decode(self, data: bytes) -> Pending:
        partition, pending = take_in(
            data, "TOPIC", self._vocabulary, self._partitions, self._identify(), None
        )
        if pending.refusal is None and partition != self._where.partition:
            pending.refusal = Rejected(
                "WRONG_PARTITION",
                f"'{pending.key}' belongs to partition {partition} of {self._partitions}, not {self._where.partition}. "
                "Partition by murmur2 of the key, as Kafka's Java client does.",
            )
        return pending


class NullCommand(Exception):
    """A record without a value is no command."""

    code = "NULL_VALUE"

    def __init__(self) -> None:
        super().__init__("The record has no value. Put an Avro command into it.")
