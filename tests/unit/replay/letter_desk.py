"""Letters of all sorts, and a `LetterDesk` in memory that counts what it is asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.meta import CommandMeta
from storage.memory.log import MemoryTopic
from streams.domain.locks.commands import EXCLUSIVE, AcquireLock
from streams.engine.world import SystemClock
from streams.log.letters import (
    DeadLetter,
    LetterAction,
    decode_letter,
    encode_letter,
    letter_of_command,
    letter_of_decision,
)
from streams.log.positions import PartitionId
from tests.unit.projector.toy import POISON, ListLog, logbook, poisoned
from tests.unit.replay.logbook import WHERE, WORDS

PARTITIONS = 8


def command(tenant: str = "dev", handle: str = "h") -> bytes:
    return WORDS.encode_command(
        CommandMeta(0, tenant, "c", 4, handle, 1, 2), AcquireLock("x", EXCLUSIVE, 1000)
    )


def refused(body: bytes | None = None, tenant: str = "dev") -> DeadLetter:
    return letter_of_command("DECIDE", tenant, WHERE, 5, 1, body or command(), "WRONG_PARTITION", "why")


def aside(index: int, read_model: str = "toy", offset: int = 3) -> DeadLetter:
    return letter_of_decision(
        "PROJECTION", "dev", read_model, WHERE, offset, index, 1, b"", "POISON", "why", 4, None
    )


class Desk:
    """A `LetterDesk` in memory that counts what it is asked."""

    def __init__(self, *records: DeadLetter | LetterAction | bytes) -> None:
        self.letters = MemoryTopic(SystemClock())
        for one in records:
            self.letters.append(one if isinstance(one, bytes) else encode_letter(one))
        self.sent: list[tuple[PartitionId, bytes]] = []
        self.asked: list[str] = []
        self.purged_through: list[int] = []
        self.logged = ListLog(logbook(*poisoned(POISON)).records)
        read = self.letters.read

        def counted(start: int, end: int | None = None) -> Any:
            self.asked.append(f"read {start}..{end}")
            return read(start, end)

        self.letters.read = counted  # type: ignore[method-assign]

    def log(self, where: PartitionId) -> ListLog:
        self.asked.append(f"log {where}")
        return self.logged

    async def partitions(self, kind: str) -> int:
        self.asked.append(f"partitions of {kind}")
        return PARTITIONS

    async def send(self, commands: Iterable[tuple[PartitionId, bytes]]) -> None:
        self.sent += commands

    async def note(self, action: LetterAction) -> None:
        self.letters.append(encode_letter(action))

    async def purge(self, through: int) -> int:
        self.purged_through.append(through)
        return through + 1

    @property
    def notes(self) -> list[LetterAction]:
        read = [decode_letter(each.value or b"") for each in self.letters.records]
        return [each for each in read if isinstance(each, LetterAction)]
