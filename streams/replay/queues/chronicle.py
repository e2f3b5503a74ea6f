"""What the log says of one message of one shard. Pure: commits in, steps out."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from streams.domain.arguments import shard_name
from streams.domain.queues import events as e
from streams.domain.value import value
from streams.log.accepted import AcceptedCommit
from streams.log.vocabulary import Vocabulary
from streams.replay.causes import Cause
from streams.replay.queues.steps import Consumer, Place, Step, What
from streams.replay.resource import KeyDecisions
from streams.wire.keys import key_of


@value
class Moved:
    """The message that came from another queue, where it had this id."""

    queue: str
    message: str


Wanted: TypeAlias = Place | Moved


class MessageChronicle:
    """One message of one shard, moved on commit by commit."""

    def __init__(self, tenant: str, queue: str, shard: int, wanted: Wanted, vocabulary: Vocabulary) -> None:
        self.place: Place | None = None
        """Which message it is, once it was enqueued."""
        self.steps: list[Step] = []
        self.shards = 1
        """The most that the queue has had."""
        self.used = False
        """Whether the shard was ever there."""
        self._queue = queue
        self._shard = shard
        self._wanted = wanted
        self._incarnation = 0
        self._decisions = KeyDecisions(key_of(tenant, shard_name(queue, shard)), vocabulary)

    def commit(self, accepted: AcceptedCommit) -> None:
        """Take the next commit that counts. Raises `UnknownEvent` if what it says of the shard cannot be read."""
        for decision in self._decisions.of(accepted):
            for event in decision.events:
                self._event(event, decision.cause)

    def _event(self, event: Any, cause: Cause) -> None:
        match event:
            case e.QueueCreated():
                self.used, self._incarnation = True, event.incarnation
                self.shards = max(self.shards, event.route.shards)
            case e.QueueRouted():
                self.shards = max(self.shards, event.route.shards)
            case e.MessagesEnqueued():
                self._enqueued(event, cause)
            case _ if self.place is not None and self.place.incarnation == self._incarnation:
                self.steps += _steps(self.place, event, cause)

    def _enqueued(self, event: e.MessagesEnqueued, cause: Cause) -> None:
        for number, one in enumerate(event.messages, start=event.first):
            place = Place(self._queue, self._shard, self._incarnation, number)
            if self.place is None and self._is_wanted(place, one):
                self.place = place
                self.steps.append(
                    Step(
                        "ENQUEUED", place, cause, consumer=Consumer(event.principal, event.client, cause.handle),
                        due_lease_ms=one.ready_at, origin=one.origin, group=one.group, priority=one.priority,
                        size=len(one.payload),
                    )
                )  # fmt: skip

    def _is_wanted(self, place: Place, one: e.EnqueuedMessage) -> bool:
        wanted = self._wanted
        if isinstance(wanted, Place):
            return place == wanted
        return one.origin is not None and (one.origin.queue, one.origin.message) == (
            wanted.queue, wanted.message,
        )  # fmt: skip


_PLAIN: dict[type, What] = {
    e.MessagesDue: "DUE",
    e.MessagesAcked: "ACKED",
    e.MessagesPurged: "PURGED",
    e.MessagesMoved: "MOVED",
}
"""Events that say no more than which messages."""


def _steps(place: Place, event: Any, cause: Cause) -> Iterator[Step]:
    """Yield what an event did to the message."""
    number = place.number
    match event:
        case e.MessagesDelivered(messages=messages):
            for one in _of(messages, number):
                who = Consumer(event.principal, event.client, event.handle)
                yield Step(
                    "DELIVERED", place, cause, event.subscription, one.attempt, event.token, who, event.expires_at
                )  # fmt: skip
        case e.MessagesReturned(messages=messages):
            for one in _of(messages, number):
                yield Step(
                    "RETURNED", place, cause, event.subscription, one.attempts, due_lease_ms=one.ready_at,
                    why=event.cause, reason=event.reason,
                )  # fmt: skip
        case e.MessagesDied(messages=messages):
            for one in _of(messages, number):
                yield Step(
                    "DIED", place, cause, event.subscription, one.attempt, why=event.cause, reason=event.reason,
                    to=event.to,
                )  # fmt: skip
        case e.MovesFailed(messages=messages):
            for one in _of(messages, number):
                yield Step("MOVE_FAILED", place, cause, event.subscription, reason=one.reason)
        case e.QueueDeleted() | e.SubscriptionRemoved():
            what: What = "QUEUE_DELETED" if isinstance(event, e.QueueDeleted) else "SUBSCRIPTION_REMOVED"
            yield Step(what, place, cause, getattr(event, "subscription", ""))
        case e.LeasesExtended(messages=numbers) if number in numbers:
            yield Step("EXTENDED", place, cause, event.subscription, due_lease_ms=event.expires_at)
        case e.MessagesRedriven(messages=numbers) if number in numbers:
            due = next((each.ready_at for each in _of(event.delayed, number)), 0)
            yield Step("REDRIVEN", place, cause, event.subscription, due_lease_ms=due, to=event.to)
        case _ if type(event) in _PLAIN and number in event.messages:
            yield Step(_PLAIN[type(event)], place, cause, event.subscription)


def _of(messages: Iterable[Any], number: int) -> Iterator[Any]:
    return (one for one in messages if one.message == number)
