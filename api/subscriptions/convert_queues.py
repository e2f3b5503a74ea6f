"""From what the log holds of a queue to what subscribers are sent."""

from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from api.subscriptions.change import Change
from api.subscriptions.queue_types import (
    ConsumerEvent,
    EventMessage,
    MessagesEvent,
    QueueChangedEvent,
    QueueDepthUpdate,
    QueueEvent,
    QueueEventKind,
)
from api.subscriptions.shard_events import common_of, party_of
from api.types.scalars import Long
from streams.domain.queues import events as of
from streams.projections.queues.reads import QueueRow
from streams.projections.reads import AsOf

SHOWN: Final = 100
"""Messages of one event."""


def queue_event(change: Change, place: int, cursor: str) -> QueueEvent | None:
    """Return event number `place` of `change` as it is sent."""
    event = change.events[place]
    kind = KINDS.get(type(event))
    if kind is None:
        return None
    queue, common = common_of(change, place, cursor)
    common |= {
        "kind": kind,
        "queue": queue,
        "subscription": getattr(event, "subscription", ""),
        "count": _count(event),
    }
    match event:
        case of.ReceiveStarted() | of.ReceiveEnded():
            return _consumer(event, common)
        case _ if kind in CHANGES:
            return _changed(event, common)
        case _:
            return MessagesEvent(**common, **_told(event))


KINDS: Final[dict[type, QueueEventKind]] = {
    of.QueueCreated: QueueEventKind.CREATED,
    of.QueueConfigured: QueueEventKind.CONFIGURED,
    of.QueueRouted: QueueEventKind.ROUTED,
    of.QueueDeleted: QueueEventKind.DELETED,
    of.SubscriptionAdded: QueueEventKind.SUBSCRIPTION_ADDED,
    of.SubscriptionRemoved: QueueEventKind.SUBSCRIPTION_REMOVED,
    of.ReceiveStarted: QueueEventKind.RECEIVE_STARTED,
    of.ReceiveEnded: QueueEventKind.RECEIVE_ENDED,
    of.MessagesEnqueued: QueueEventKind.ENQUEUED,
    of.MessagesDelivered: QueueEventKind.DELIVERED,
    of.MessagesDue: QueueEventKind.DUE,
    of.MessagesAcked: QueueEventKind.ACKED,
    of.MessagesReturned: QueueEventKind.RETURNED,
    of.LeasesExtended: QueueEventKind.EXTENDED,
    of.MessagesDied: QueueEventKind.DIED,
    of.MessagesRedriven: QueueEventKind.REDRIVEN,
    of.MessagesPurged: QueueEventKind.PURGED,
    of.MessagesMoved: QueueEventKind.MOVED,
    of.MovesFailed: QueueEventKind.MOVES_FAILED,
}
CHANGES: Final = frozenset(
    {
        QueueEventKind.CREATED,
        QueueEventKind.CONFIGURED,
        QueueEventKind.ROUTED,
        QueueEventKind.DELETED,
        QueueEventKind.SUBSCRIPTION_ADDED,
        QueueEventKind.SUBSCRIPTION_REMOVED,
    }
)


def _count(event: Any) -> int:
    messages = getattr(event, "messages", ())
    return messages if isinstance(messages, int) else len(messages)


def _changed(event: Any, common: dict[str, Any]) -> QueueChangedEvent:
    names = ("incarnation", "version", "settings", "route")
    told: dict[str, Any] = {name: getattr(event, name, None) for name in names}
    return QueueChangedEvent(**common, **told)


def _consumer(event: of.ReceiveStarted | of.ReceiveEnded, common: dict[str, Any]) -> ConsumerEvent:
    return ConsumerEvent(
        **common,
        waiter=party_of(event),
        ticket=Long(event.ticket),
        wait_until_lease_ms=Long(event.wait_until) if isinstance(event, of.ReceiveStarted) else None,
        cause=event.cause if isinstance(event, of.ReceiveEnded) else None,
    )


def _told(event: Any) -> dict[str, Any]:
    """Return what the event says of its messages."""
    told: dict[str, Any] = {"messages": list(_messages(event, islice(event.messages, SHOWN)))}
    match event:
        case of.MessagesDelivered():
            told |= {"consumer": party_of(event), "incarnation": event.incarnation, "token": event.token}
            told |= {"expires_lease_ms": event.expires_at}
        case of.LeasesExtended():
            told |= {"expires_lease_ms": event.expires_at}
        case of.MessagesReturned():
            told |= {"cause": event.cause, "reason": event.reason}
        case of.MessagesDied():
            told |= {"cause": event.cause, "reason": event.reason, "to": event.to}
        case of.MessagesRedriven():
            told |= {"to": event.to}
    return told


def _messages(event: Any, several: Iterable[Any]) -> Iterable[EventMessage]:
    match event:
        case of.MessagesEnqueued():
            for number, one in enumerate(several, event.first):
                yield EventMessage(
                    number=Long(number), due_lease_ms=Long(one.ready_at) if one.ready_at else None, group=one.group,
                    key=one.key, priority=one.priority, size=len(one.payload),
                )  # fmt: skip
        case of.MessagesDelivered() | of.MessagesDied():
            for one in several:
                yield EventMessage(number=Long(one.message), attempts=one.attempt)
        case of.MessagesReturned():
            for one in several:
                due = Long(one.ready_at) if one.ready_at else None
                yield EventMessage(number=Long(one.message), attempts=one.attempts, due_lease_ms=due)
        case of.MovesFailed():
            for one in several:
                yield EventMessage(number=Long(one.message), reason=one.reason)
        case _:
            for number in several:
                yield EventMessage(number=number)


def depth_item(queue: str, row: QueueRow | None, as_of: AsOf, cursor: str) -> QueueDepthUpdate:
    """Return the queue in numbers."""
    told: Any = QueueRow(queue, (), as_of) if row is None else row
    return QueueDepthUpdate(
        cursor=cursor,
        queue=queue,
        exists=row is not None,
        messages=told.messages,
        bytes=told.bytes,
        depth=told.depth,
        waiting=told.waiting,
        oldest_ms=told.oldest_ms,
        shards=list(told.shards),
        subscriptions=list(told.subscriptions),
        as_of=told.as_of,
    )


def numbers_of(row: QueueRow | None) -> object:
    """Return what a depth tells, to be compared with what it told before."""
    if row is None:
        return None
    shards = tuple((one.shard, one.messages, one.bytes, one.depth, one.waiting) for one in row.shards)
    return shards, row.subscriptions, row.oldest_ms
