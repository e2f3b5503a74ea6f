"""The types of live items of queues. As those of locks (`types`), plain down to their leaves."""

from dataclasses import field
from enum import Enum
from typing import Any

import strawberry

from api.subscriptions.types import Party
from api.types.asof import AsOf
from api.types.queues import Depth, QueueRoute, QueueSettings
from api.types.scalars import DateTime, Long, Position


@strawberry.enum
class QueueEventKind(Enum):
    """What happened."""

    CREATED = "CREATED"
    CONFIGURED = "CONFIGURED"
    ROUTED = "ROUTED"
    DELETED = "DELETED"
    SUBSCRIPTION_ADDED = "SUBSCRIPTION_ADDED"
    SUBSCRIPTION_REMOVED = "SUBSCRIPTION_REMOVED"
    RECEIVE_STARTED = "RECEIVE_STARTED"
    RECEIVE_ENDED = "RECEIVE_ENDED"
    ENQUEUED = "ENQUEUED"
    DELIVERED = "DELIVERED"
    DUE = "DUE"
    ACKED = "ACKED"
    RETURNED = "RETURNED"
    EXTENDED = "EXTENDED"
    DIED = "DIED"
    REDRIVEN = "REDRIVEN"
    PURGED = "PURGED"
    MOVED = "MOVED"
    MOVES_FAILED = "MOVES_FAILED"


@strawberry.interface(
    description="Something that happened to a shard of a queue: what, to which, when, by whom, and where."
)
class QueueEvent:
    """One event of a shard."""

    cursor: str = strawberry.field(description="Goes on behind this event: give it as `after`.")
    kind: QueueEventKind
    queue: str
    shard: int
    position: Position = strawberry.field(description="The commit that it is in.")
    index: int = strawberry.field(description="Its place among the events of its commit, from 0.")
    number: Long = strawberry.field(description="Its number among the events of its partition.")
    time_ms: DateTime = strawberry.field(name="time")
    lease_ms: Long = strawberry.field(description="The partition's lease clock.")
    command: str = strawberry.field(description="What was asked: AckMessages; Tick when time alone did it.")
    by: Party | None = strawberry.field(description="Who asked; null when time alone did it.")
    subscription: str = strawberry.field(description="Empty where the queue is no broadcast.")
    count: int = strawberry.field(description="How many messages it is about.")
    sent: strawberry.Private[dict[Any, str]] = field(default_factory=dict)


@strawberry.type(description="The queue itself changed.")
class QueueChangedEvent(QueueEvent):
    """CREATED, CONFIGURED, ROUTED, DELETED, SUBSCRIPTION_ADDED or SUBSCRIPTION_REMOVED."""

    incarnation: Long | None = None
    version: Long | None = None
    settings: QueueSettings | None = None
    route: QueueRoute | None = None


@strawberry.type(description="A consumer waits, or waits no longer and got nothing.")
class ConsumerEvent(QueueEvent):
    """RECEIVE_STARTED or RECEIVE_ENDED."""

    waiter: Party
    ticket: Long
    wait_until_lease_ms: Long | None = None
    cause: str | None = strawberry.field(default=None, description="Why it ended.")


@strawberry.type(description="One message of an event; what does not apply is null.")
class EventMessage:
    """A message."""

    number: Long
    attempts: int | None = strawberry.field(
        default=None, description="Deliveries that count; DELIVERED: which it is."
    )
    due_lease_ms: Long | None = strawberry.field(
        default=None, description="When it may be delivered; null: at once."
    )
    reason: str | None = None
    group: str | None = None
    key: str | None = None
    priority: int | None = None
    size: int | None = strawberry.field(default=None, description="ENQUEUED: bytes of its payload.")


@strawberry.type(description="Something happened to messages.")
class MessagesEvent(QueueEvent):
    """All other kinds."""

    messages: list[EventMessage] = strawberry.field(description="The first 100.")
    incarnation: Long | None = strawberry.field(
        default=None,
        description="DELIVERED alone: of the shard. Messages are <shard>.<incarnation>.<number>.",
    )
    consumer: Party | None = strawberry.field(default=None, description="DELIVERED: who has them.")
    token: Long | None = strawberry.field(default=None, description="DELIVERED: of the delivery.")
    expires_lease_ms: Long | None = strawberry.field(
        default=None, description="When their lease ends, by the partition's lease clock."
    )
    cause: str | None = None
    reason: str | None = None
    to: str | None = strawberry.field(default=None, description="The queue that they are on their way to.")


@strawberry.type(description="One shard in numbers.")
class ShardDepth:
    """A shard. Comes as `reads.ShardRow`."""

    shard: int
    messages: int
    bytes: Long
    depth: Depth
    waiting: int


@strawberry.type(description="One subscription in numbers, over all shards.")
class SubscriptionDepth:
    """A subscription. Comes as `reads.SubscriptionRow`."""

    name: str
    depth: Depth
    waiting: int
    oldest_ms: DateTime | None = strawberry.field(name="oldest")


@strawberry.type(
    description="A queue in numbers: first now, then whenever they changed; at most four times a second."
)
class QueueDepthUpdate:
    """One item of `queueDepth`."""

    cursor: str = strawberry.field(description="Goes on behind this item: give it as `after`.")
    queue: str
    exists: bool = strawberry.field(description="Whether there is such a queue.")
    messages: int
    bytes: Long
    depth: Depth
    waiting: int = strawberry.field(description="Consumers that wait.")
    oldest_ms: DateTime | None = strawberry.field(name="oldest")
    shards: list[ShardDepth]
    subscriptions: list[SubscriptionDepth]
    as_of: AsOf
    sent: strawberry.Private[dict[Any, str]] = field(default_factory=dict)


EVENTS = (QueueChangedEvent, ConsumerEvent, MessagesEvent)
"""For the schema: nothing else names them."""
