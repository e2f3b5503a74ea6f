"""The fold: a shard after an event. It trusts the log and decides nothing; released behaviour never changes.

An event that does not fit the state raises `LookupError`: the log is then not the one this state came from.
Imports the standard library and `immutables` only.
"""

from dataclasses import replace
from typing import assert_never

from immutables import Map

from streams.domain.queues import progress
from streams.domain.queues.arrivals import enqueued
from streams.domain.queues.dedup import resized
from streams.domain.queues.desk import Desk
from streams.domain.queues.events import (
    Event,
    LeasesExtended,
    MessagesAcked,
    MessagesDelivered,
    MessagesDied,
    MessagesDue,
    MessagesEnqueued,
    MessagesMoved,
    MessagesPurged,
    MessagesRedriven,
    MessagesReturned,
    MovesFailed,
    QueueConfigured,
    QueueCreated,
    QueueDeleted,
    QueueRouted,
    ReceiveEnd,
    ReceiveEnded,
    ReceiveStarted,
    SubscriptionAdded,
    SubscriptionRemoved,
)
from streams.domain.queues.numbered import NOTHING
from streams.domain.queues.state import ABSENT, NOTHING_TO_DELIVER, Deliveries, Queue, Wait
from streams.domain.structures.fifo import Fifo


def evolve(queue: Queue, event: Event) -> Queue:
    """Return the shard after `event`. Raises `LookupError` on what is not here."""
    match event:
        case MessagesEnqueued():
            return enqueued(queue, event)
        case (
            MessagesDelivered()
            | MessagesAcked()
            | MessagesReturned()
            | MessagesDue()
            | LeasesExtended()
            | MessagesDied()
            | MessagesRedriven()
            | MessagesPurged()
            | MessagesMoved()
            | MovesFailed()
        ):
            return progress.evolve(queue, event)
        case ReceiveStarted():
            return progress.wait_started(queue, event)
        case ReceiveEnded():
            return _receive_ended(queue, event)
        case QueueCreated():
            return _created(queue, event)
        case QueueConfigured():
            return replace(queue, version=event.version, settings=event.settings)
        case QueueRouted():
            return _routed(queue, event)
        case QueueDeleted():
            leaving = _leave(queue, "DELETED")
            return replace(ABSENT, leaving=leaving) if len(leaving) else ABSENT
        case SubscriptionAdded():
            return _added(queue, event.subscription)
        case SubscriptionRemoved():
            return _removed(queue, event.subscription)
        case _:
            assert_never(event)


def _created(queue: Queue, e: QueueCreated) -> Queue:
    return replace(
        ABSENT,
        incarnation=e.incarnation,
        version=1,
        settings=e.settings,
        route=e.route,
        subscriptions={} if e.settings.broadcast else {"": NOTHING_TO_DELIVER},
        leaving=queue.leaving,
    )


def _routed(queue: Queue, e: QueueRouted) -> Queue:
    kept = {
        name: progress.without_waits(replace(sub, late=sub.grouped - len(sub.revived)))
        for name, sub in queue.subscriptions.items()
    }
    return replace(
        queue,
        route=e.route,
        boundary=e.next_message,
        strays=Map(),
        dedup=resized(queue.dedup),
        arrivals=resized(queue.arrivals),
        subscriptions=kept,
        leaving=_leave(queue, "ROUTED"),
    )


def _leave(queue: Queue, cause: ReceiveEnd) -> Fifo[tuple[Wait, ReceiveEnd]]:
    leaving = queue.leaving
    for sub in queue.subscriptions.values():
        leaving = leaving.extended(_ended(sub, cause))
    return leaving


def _ended(sub: Deliveries, cause: ReceiveEnd) -> list[tuple[Wait, ReceiveEnd]]:
    return [(sub.waits[ticket], cause) for ticket in sorted(sub.waits)]


def _added(queue: Queue, name: str) -> Queue:
    sub = replace(NOTHING_TO_DELIVER, mine=NOTHING)
    return replace(queue, subscriptions={**queue.subscriptions, name: sub})


def _removed(queue: Queue, name: str) -> Queue:
    sub = queue.subscriptions[name]
    leaving = _ended(sub, "DELETED")
    desk = Desk(queue, name)
    desk.gone([number for number, _ in _mine(sub)])
    left = {other: each for other, each in queue.subscriptions.items() if other != name}
    return replace(desk.q, subscriptions=left, leaving=queue.leaving.extended(leaving))


def _mine(sub: Deliveries) -> list[tuple[int, bool]]:
    return [] if sub.mine is None else list(sub.mine.after(0))


def _receive_ended(queue: Queue, e: ReceiveEnded) -> Queue:
    sub = queue.subscriptions.get(e.subscription)
    if sub is not None and e.ticket in sub.waits:
        return progress.wait_ended(queue, e)
    if not len(queue.leaving) or queue.leaving[0][0].ticket != e.ticket:
        raise LookupError(f"ticket {e.ticket} does not wait for this queue")
    leaving = queue.leaving.without_first(1)
    return replace(queue, leaving=leaving) if len(leaving) or queue.settings is not None else ABSENT
