"""The ports of `streams.log` in memory: complete, for pure tests and single-process use."""

import asyncio
from collections.abc import AsyncIterator

from streams.log.letters import DeadLetter
from streams.log.ports import Appended, AppendUnknown, Clock, RecordTooLarge, Stored

MAX_MESSAGE_BYTES = 1024 * 1024
"""max.message.bytes of the real topics. It bounds the batch a record travels in."""
BATCH_BYTES = 72
"""What a batch of one large record without key and headers takes beside its value."""


class MemoryTopic:
    """One partition of one topic: records in order, stamped by the broker's clock."""

    def __init__(self, clock: Clock) -> None:
        self.records: list[Stored] = []
        self._clock = clock
        self._grown = asyncio.Event()

    def append(self, value: bytes | None) -> Appended:
        """Store a record of any size: what compresses well is bounded by its batch, not by itself."""
        stored = Stored(len(self.records), self._clock.wall_ms(), value)
        self.records.append(stored)
        self._grown.set()
        self._grown = asyncio.Event()
        return Appended(stored.offset, stored.timestamp_ms)

    async def bounds(self) -> tuple[int, int]:
        """Return (first retained offset, end offset)."""
        return 0, len(self.records)

    async def read(self, start: int, end: int | None = None) -> AsyncIterator[list[Stored]]:
        """Yield batches in order from `start`, up to `end` (exclusive), or for ever."""
        position = start
        while end is None or position < end:
            grown, batch = self._grown, self.records[position:end]
            if batch:
                position += len(batch)
                yield batch
            else:
                await grown.wait()


class MemoryLogWriter:
    """One ordered writer of one partition."""

    def __init__(self, topic: MemoryTopic) -> None:
        self._topic = topic
        self._open = True

    async def append(self, record: bytes) -> "asyncio.Future[Appended]":
        """Store `record`; the future is resolved in a later turn of the loop, as with a real broker."""
        if not self._open:
            raise AppendUnknown("the writer is closed.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Appended] = loop.create_future()
        if len(record) + BATCH_BYTES > MAX_MESSAGE_BYTES:
            self._open = False  # what comes behind a record that is missing would not extend the chain
            error = RecordTooLarge(f"a record of {len(record)} bytes does not fit {MAX_MESSAGE_BYTES}.")
            loop.call_soon(_settle, future, error)
        else:
            loop.call_soon(_settle, future, self._topic.append(record))
        return future

    async def close(self) -> None:
        """Stop."""
        self._open = False


def _settle(future: "asyncio.Future[Appended]", outcome: Appended | RecordTooLarge) -> None:
    if future.done():
        return
    if isinstance(outcome, RecordTooLarge):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


class MemoryDeadLetters:
    """Dead letters, in a list."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    async def put(self, letter: DeadLetter) -> None:
        """Keep the copy."""
        self.letters.append(letter)


class MemoryPartitionPorts:
    """Everything one partition's owner touches."""

    def __init__(self, clock: Clock) -> None:
        self.log = MemoryTopic(clock)
        self.commands = MemoryTopic(clock)
        self.dead_letters = MemoryDeadLetters()

    async def writer(self) -> MemoryLogWriter:
        """Open a new writer."""
        return MemoryLogWriter(self.log)
