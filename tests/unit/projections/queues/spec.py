"""`given(at(time, did(event, ...)), ...).shows(TABLE, columns, row, ...)`, for the read models of queues.

Each `at` is one commit at that event time, folded and taken as one stretch; lease time rises by 10 ms a commit.
Events are those of shard 0 of the queue `orders` of tenant `dev`; generation 0, so that a token is its event's number.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streams.domain.queues.commands import Origin
from streams.domain.queues.events import (
    Attempt,
    EnqueuedMessage,
    MessagesAcked,
    MessagesDelivered,
    MessagesDied,
    MessagesEnqueued,
    MessagesReturned,
    QueueCreated,
    Return,
    ReturnCause,
)
from streams.domain.queues.kind import QUEUES as KIND
from streams.domain.queues.settings import QueueRoute, QueueSettings
from streams.log.accepted import AcceptedCommit
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.projections.projection import Projection
from streams.projections.queues.projections import QUEUES
from tests.unit.projections.spec import Moment, Spec, at
from tests.unit.projections.spec import commits as commits_of
from tests.unit.replay.logbook import decision, timer

__all__ = ["at"]

KEY = "dev/orders"
WHERE = PartitionId("queues", 0)
WORDS = Vocabulary(KIND)
SETTINGS = QueueSettings(
    3, 30_000, 1_000, 60_000, 200, 0, None, 0, 1000, 10**6, "REFUSE", 1000, 0, 0, False, False
)
ROUTE = QueueRoute(1, 1, 1)


def did(*events: Any, key: str = KEY, **changes: Any) -> LoggedDecision:
    """Some command's decision with these events."""
    made = decision(1, key=key, **{"command": "EnqueueMessages", **changes})
    return replace(made, events=tuple(map(WORDS.encode_event, events)))


def due(*events: Any, key: str = KEY) -> LoggedDecision:
    """A timer's decision."""
    return replace(timer(), key=key, events=tuple(map(WORDS.encode_event, events)))


def created(number: int = 1, settings: QueueSettings = SETTINGS) -> QueueCreated:
    return QueueCreated(number, settings, ROUTE)


def message(payload: bytes = b"hello", ready_at: int = 0, **changes: Any) -> EnqueuedMessage:
    return replace(EnqueuedMessage(payload, None, None, 0, ready_at, None, (), False, None), **changes)


def enqueued(first: int, *messages: EnqueuedMessage) -> MessagesEnqueued:
    return MessagesEnqueued("dev", "a", first, 0, messages or (message(),))


def delivered(
    token: int, *numbers: int, attempt: int = 1, expires_at: int = 30_000, ticket: int | None = None,
    subscription: str = "",
) -> MessagesDelivered:  # fmt: skip
    attempts = tuple(Attempt(number, attempt) for number in numbers)
    return MessagesDelivered("eve", "c", "h", 1, ticket, subscription, 1, token, expires_at, attempts)


def acked(*numbers: int, subscription: str = "") -> MessagesAcked:
    return MessagesAcked(subscription, numbers)


def returned(
    cause: ReturnCause, *numbers: int, ready_at: int = 0, attempts: int = 1, reason: str = ""
) -> MessagesReturned:
    return MessagesReturned(
        "", cause, reason, tuple(Return(number, ready_at, attempts) for number in numbers)
    )


def died(number: int, attempt: int = 3, reason: str = "", to: str | None = None) -> MessagesDied:
    return MessagesDied("", "ATTEMPTS", reason, (Attempt(number, attempt),), to, 0)


def origin(queue: str = "old", reason: str = "broken") -> Origin:
    return Origin(queue, f"{queue}.1.1", reason, 3)


def commits(*moments: Moment) -> list[AcceptedCommit]:
    return commits_of(*moments, where=WHERE, words=WORDS)


def spec(projection: Projection = QUEUES) -> Spec:
    return Spec(projection, WHERE, WORDS)


def given(*moments: Moment) -> Spec:
    """Fold commits, each a stretch of its own."""
    told = spec()
    for accepted in commits(*moments):
        told.fold.commit(accepted)
        told.take()
    return told
