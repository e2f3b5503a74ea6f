"""Logs of queues written by hand, event by event. Generation 0: the token of an event is its number."""

from __future__ import annotations

from typing import Any, Self

from streams.domain.queues.commands import Origin
from streams.domain.queues.events import EnqueuedMessage, MessagesEnqueued, QueueCreated
from streams.domain.queues.kind import QUEUES
from streams.domain.queues.replies import MovesTaken
from streams.domain.queues.settings import QueueRoute, QueueSettings
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from tests.unit.replay.kind_logbook import KindBook

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


class QueueBook(KindBook):
    """One partition's log of queues in the making."""

    def __init__(self) -> None:
        super().__init__(QUEUES, WORDS)

    def create(self, name: str = "orders", **changes: Any) -> QueueBook:
        """A queue of one shard."""
        return self.did(
            name, QueueCreated(self.number + 1, settings(**changes), ROUTE), command="CreateQueue"
        )

    def did(self, name: str, *events: Any, reply: Any = None, **options: Any) -> Self:
        """One decision on the queue `name`."""
        options.setdefault("command", "EnqueueMessages")
        return super().did(
            name, *events, reply=reply or (_ANY if options.get("client", "a") else None), **options
        )
