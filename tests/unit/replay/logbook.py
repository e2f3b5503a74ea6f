"""Logs written by hand, record by record, with as many flaws as a test wants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from schemas.meta import CommandMeta
from streams.domain.locks.commands import Mode
from streams.domain.locks.events import LockGranted, LockReleased, LockWaitStarted
from streams.domain.locks.kind import LOCKS
from streams.domain.locks.replies import LockFreed, LockHeld, LockWaiting
from streams.log.accept import LogHead
from streams.log.envelope import encode
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.records import Claim, Commit, FeatureActivated, Genesis, LoggedDecision, Record, Source
from streams.log.vocabulary import Vocabulary
from streams.replay.findings import Report
from streams.replay.verify import verify
from tests.unit.log.records import with_changes

WHERE = PartitionId("locks", 0)
WORDS = Vocabulary(LOCKS)
KEY = "dev/orders/42"
FAR_MS = 10**9


def granted(
    token: int, client: str = "a", mode: Mode = "EXCLUSIVE", ticket: int | None = None
) -> LockGranted:
    return LockGranted("dev", client, "1", ticket or token, token, mode, 1000, 1000, None, ticket)


def held(token: int, mode: Mode = "EXCLUSIVE") -> LockHeld:
    return LockHeld(token, mode, 1000)


def waits(ticket: int, client: str = "b", wait_until: int = 500) -> LockWaitStarted:
    return LockWaitStarted(
        "dev", client, "1", ticket, ticket, 1, "EXCLUSIVE", 0, 1000, wait_until, None, None
    )


def decision(
    sequence: int, *events: Any, reply: Any = None, client: str = "a", **changes: Any
) -> LoggedDecision:
    """A decision of the direct lane on `KEY`, under a command hash of its own."""
    answer = b"" if reply is None else WORDS.encode_reply(reply)
    meta = CommandMeta(1, "dev", client, sequence, "1", 0, FAR_MS)
    made = LoggedDecision(
        "DIRECT", "dev", meta, f"{client}{sequence}".encode(), "AcquireLock", KEY, False,
        tuple(map(WORDS.encode_event, events)), answer,
    )  # fmt: skip
    return with_changes(made, **changes)


def grant(sequence: int, token: int, client: str = "a", mode: Mode = "EXCLUSIVE") -> LoggedDecision:
    return decision(sequence, granted(token, client, mode), reply=held(token, mode), client=client)


def release(sequence: int, token: int, client: str = "a") -> LoggedDecision:
    return decision(
        sequence, LockReleased(token), reply=LockFreed(token), client=client, command="ReleaseLock"
    )


def waiting(sequence: int, ticket: int, client: str = "b") -> LoggedDecision:
    return decision(
        sequence, waits(ticket, client), reply=LockWaiting(ticket, 1), client=client, waiting=True
    )


def timer(*events: Any) -> LoggedDecision:
    empty = decision(0, *events, client="", lane="TIMER", principal="", handle="", hash=b"", command="Tick")
    return with_changes(empty, deadline_ms=0, floor=0)


class Logbook:
    """One partition's log in the making. Generation 0: the token of an event is its number."""

    def __init__(self, kind: str = "locks") -> None:
        self.kind = kind
        self.records: list[Stored] = []
        self.head = LogHead()
        self.owner = b""
        self.clock = 0

    def write(self, record: Record | bytes) -> Logbook:
        """Append a record, or bytes that are none."""
        data = record if isinstance(record, bytes) else encode(record)
        offset = len(self.records)
        self.records.append(Stored(offset, 1000 + offset, data))
        self.head.accept(offset, None if isinstance(record, bytes) else record, data)
        return self

    def begun(self) -> Logbook:
        """Genesis and a first claim."""
        return self.write(Genesis(bytes(16), 0, self.kind, 0, 1, 0)).claim(1)

    def claim(self, owner: int, level: int = 1) -> Logbook:
        """A claim, whose commits `commit` makes from now on."""
        self.owner = bytes([owner]) * 16
        return self.write(Claim(self.owner, "127.0.0.1:1", "1", level))

    def feature(self, level: int) -> Logbook:
        """The activation of `level` by the owner in force."""
        return self.write(FeatureActivated(self.owner, self.head.head, level))

    def commit(self, *decisions: LoggedDecision, source: Source | None = None, **changes: Any) -> Logbook:
        """A commit that extends the log, unless `changes` spoil it."""
        self.clock += 10
        head = self.head
        made = Commit(self.owner, head.head, head.n + 1, self.clock, self.clock, 1, source, decisions)
        return self.write(replace(made, **changes))

    def alter(self, offset: int, record: Record | bytes) -> Logbook:
        """Put another record in the place of one, as if a broker's disk had been edited."""
        data = record if isinstance(record, bytes) else encode(record)
        self.records[offset] = Stored(offset, 1000 + offset, data)
        return self

    def verified(self) -> Report:
        return verify(WHERE, WORDS, self.records)

    def codes(self) -> set[str]:
        """The codes of what a verification finds."""
        return set(self.verified().codes)
