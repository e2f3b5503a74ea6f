"""The world behind the log: topics to read and write, dead letters, clocks. Adapters live in `storage`.

Errors:
    PortError
    ├── AppendUnknown     an append failed or its outcome is unknown: it may still land
    └── LogUnavailable    the log cannot be read now; worth a retry
    RecordTooLarge        no topic takes such a record: a bug of whoever wrote it
"""

from asyncio import Future
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from streams.domain.value import value
from streams.log.letters import DeadLetter
from streams.log.positions import PartitionId


class PortError(Exception):
    """Something the world refused."""

    code = "PORT_ERROR"


class AppendUnknown(PortError):
    """The record may or may not land, now or later. The ownership must end."""

    code = "APPEND_UNKNOWN"


class LogUnavailable(PortError):
    """The log could not be read. Nothing is known to be wrong with it."""

    code = "LOG_UNAVAILABLE"


class RecordTooLarge(Exception):
    """A bug: the engine bounds every commit far below what a topic takes. Trying again would not help."""

    code = "RECORD_TOO_LARGE"


@value
class Stored:
    """One record as it stands in a topic. `value` is None for a tombstone."""

    offset: int
    timestamp_ms: int
    value: bytes | None


@value
class Appended:
    """Where and when (broker time) an append landed."""

    offset: int
    timestamp_ms: int


class LogWriter(Protocol):
    """One ordered, idempotent writer (acks=all) of one partition's log. One instance an ownership."""

    async def append(self, record: bytes) -> "Future[Appended]":
        """Queue `record` behind all earlier ones; the future fails with `AppendUnknown` or `RecordTooLarge`."""

    async def close(self) -> None:
        """Stop. What is still queued may or may not land."""


class TopicReader(Protocol):
    """Reads one partition of one topic by offset; no group, no commits."""

    async def bounds(self) -> tuple[int, int]:
        """Return (first retained offset, end offset). Raises `LogUnavailable`."""

    def read(self, start: int, end: int | None = None) -> AsyncIterator[list[Stored]]:
        """Yield batches in order from `start`, up to `end` (exclusive), or for ever. Raises `LogUnavailable`."""


class LogTail(Protocol):
    """Reads the logs of many partitions side by side by offset; no group, no commits."""

    def read(self, starts: Mapping[PartitionId, int]) -> AsyncIterator[Mapping[PartitionId, list[Stored]]]:
        """Yield what comes, in order within each partition, for ever. Raises `LogUnavailable`."""


class DeadLetters(Protocol):
    """Where copies go of commands that cannot be decided, and of decisions that a read model cannot take."""

    async def put(self, letter: DeadLetter) -> None:
        """Store the copy durably. Raises `LogUnavailable`."""


class PartitionPorts(Protocol):
    """Everything one partition's owner touches."""

    async def writer(self) -> LogWriter:
        """Open a new writer. Raises `LogUnavailable`."""

    @property
    def log(self) -> TopicReader:
        """The partition's log."""

    @property
    def commands(self) -> TopicReader:
        """The partition's topic lane."""

    @property
    def dead_letters(self) -> DeadLetters:
        """Where commands go that cannot be decided."""


class Clock(Protocol):
    """Time, as one process sees it."""

    def monotonic_ms(self) -> int:
        """Never goes back; rate is real time."""

    def wall_ms(self) -> int:
        """Wall time, possibly wrong."""
