"""Logs of queues written by hand, event by event. Generation 0: the token of an event is its number."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from schemas.meta import CommandMeta
from streams.domain.queues.commands import Origin
from streams.domain.queues.events import EnqueuedMessage, MessagesEnqueued, QueueCreated
from streams.domain.queues.kind import QUEUES
from streams.domain.queues.replies import MovesTaken
from streams.domain.queues.settings import QueueRoute, QueueSettings
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.records import Genesis, LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.replay.findings import Report
from streams.replay.verify import verify
from tests.unit.replay.logbook import FAR_MS, Logbook

HERE = PartitionId("queues", 0)
WORDS = Vocabulary(QUEUES)
ROUTE = QueueRoute(1, 1, 1)
_ANY = MovesTaken(0)


def settings(**changes: Any) -> QueueSettings:
    """Settings of a queue that tries three times."""
    plain: dict[str, Any] = {
        "max_attempts": 3, "lease_ms": 1_000, "backoff_min_ms": 0, "backoff_max_ms": 0, "backoff_factor": 200,
        "jitter": 0, "dead_letter_queue": None, "dedup_window_ms": 0, "max_depth": 1_000, "max_bytes": 1 << 20,
        "overflow": "REFUSE", "max_payload_bytes": 1_000, "default_priority": 4, "aging_ms": 0, "paused": False,
        "broadcast": False,
    }  # fmt: skip
    return QueueSettings(**(plain | changes))


def message(
    payload: bytes = b"x", group: str | None = None, ready_at: int = 0, origin: Origin | None = None
) -> EnqueuedMessage:
    """A message as it is kept."""
    return EnqueuedMessage(payload, group, None, 4, ready_at, None, (), False, origin)


def enqueued(
    first: int, *messages: EnqueuedMessage, client: str = "a", principal: str = "app"
) -> MessagesEnqueued:
    """The event that brings messages in."""
    return MessagesEnqueued(principal, client, first, 0, messages)


class QueueBook(Logbook):
    """One partition's log of queues in the making."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        """Of the last event."""
        self._sequence = 0
        self._lease_ms = 0

    def begun(self) -> QueueBook:
        """Genesis and a first claim."""
        self.write(Genesis(bytes(16), 0, "queues", 0, 1, 0)).claim(1)
        return self

    def create(self, name: str = "orders", **changes: Any) -> QueueBook:
        """A queue of one shard."""
        return self.did(
            name, QueueCreated(self.number + 1, settings(**changes), ROUTE), command="CreateQueue"
        )

    def did(
        self, name: str, *events: Any, reply: Any = None, client: str = "a", command: str = "EnqueueMessages",
        at: int | None = None, principal: str = "app",
    ) -> QueueBook:  # fmt: skip
        """One decision of one client on the queue `name`, at lease time `at`, else at that of the last one."""
        self._sequence += 1
        meta = CommandMeta(1, "dev", client, self._sequence, "1", 0, FAR_MS)
        answer = b"" if reply is None else WORDS.encode_reply(reply)
        if reply is None and client:
            answer = WORDS.encode_reply(_ANY)
        lane: Any = "DIRECT" if client else "TIMER"
        hashed = f"{client}{self._sequence}".encode() if client else b""
        key = f"dev/{name}"
        self.number += len(events)
        made = LoggedDecision(
            lane, principal if client else "", meta, hashed, command if client else "Tick", key, False,
            tuple(map(WORDS.encode_event, events)), answer,
        )  # fmt: skip
        self._lease_ms = self._lease_ms if at is None else at
        self.commit(made, lease_ms=self._lease_ms)
        return self

    def timer(self, name: str, *events: Any, at: int) -> QueueBook:
        """One decision of the owner's timer."""
        return self.did(name, *events, client="", at=at)

    def verified(self) -> Report:
        return verify(HERE, WORDS, self.records)

    async def bounds(self) -> tuple[int, int]:
        """As a reader of the log."""
        return 0, len(self.records)

    async def read(self, start: int, end: int | None = None) -> AsyncIterator[list[Stored]]:
        """As a reader of the log."""
        yield self.records[start:end]
