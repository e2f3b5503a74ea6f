"""What each event changes in a draft. Every function raises `LookupError` if the event does not fit what is there."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from streams.domain.decider import GENERATION_SHIFT
from streams.domain.queues.events import (
    EnqueuedMessage,
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
    ReceiveEnded,
    ReceiveStarted,
    SubscriptionAdded,
    SubscriptionRemoved,
)
from streams.projections.causes import Cause, When, Who
from streams.projections.queues.documents import headers_document, origin_document, settings_document
from streams.projections.queues.draft import Draft, Owed
from streams.projections.queues.reads import What
from streams.projections.queues.standing import (
    ATTEMPTS,
    DUE_LEASE_MS,
    NUMBER,
    REASON,
    SINCE_MS,
    SIZE,
    STATE,
    TOKEN,
    Head,
)
from streams.projections.queues.steps import Entry, Step, end_row, step_rows
from streams.projections.table import Row
from streams.projections.text import storable, storable_or_none

_NUMBER: Final = (1 << GENERATION_SHIFT) - 1
_UNDUE: Final[Row] = (None, None)
_UNLEASED: Final[Row] = (None, None, None, None)
_ENDED_BEFORE: Final = ("ROUTED", "DELETED")
"""Waits that an event about the queue ended: each is told so later, be the queue there still or not."""
_STANDING: Final = ("READY", "DELAYED", "LEASED")


def apply(draft: Draft, event: object, cause: Cause) -> None:
    """Change `draft` by one event."""
    _APPLY[type(event)](draft, event, cause)


def _created(draft: Draft, e: QueueCreated, cause: Cause) -> None:
    if draft.head is not None or draft.shard is not None:
        raise LookupError("there is such a queue already")
    if e.incarnation & _NUMBER != cause.event:
        raise LookupError(f"incarnation {e.incarnation} is given by event {cause.event}")
    settings, route, when = e.settings, e.route, cause.when
    draft.head = Head(
        *cause.place, e.incarnation, 1, storable(settings_document(settings)),
        route.epoch, route.shards, route.previous, settings.paused, settings.broadcast, when.offset, when.time_ms,
    )  # fmt: skip
    draft.configured = True
    if not settings.broadcast:
        draft.owed[""] = Owed(None)


def _configured(draft: Draft, e: QueueConfigured, _: Cause) -> None:
    settings = e.settings
    draft.head = replace(
        draft.there(),
        version=e.version,
        settings=storable(settings_document(settings)),
        paused=settings.paused,
        broadcast=settings.broadcast,
    )
    draft.configured = True


def _routed(draft: Draft, e: QueueRouted, _: Cause) -> None:
    route = e.route
    draft.head = replace(draft.there(), epoch=route.epoch, shards=route.shards, previous=route.previous)
    for name in draft.names():
        draft.subscription(name).waiting = 0


def _deleted(draft: Draft, _: QueueDeleted, cause: Cause) -> None:
    draft.there()
    for part, name in enumerate(draft.names()):
        _forget(draft, name, "DELETED", cause, part)
    draft.head = None


def _added(draft: Draft, e: SubscriptionAdded, _: Cause) -> None:
    draft.there()
    if e.subscription in draft.owed or e.subscription in draft.names():
        raise LookupError(f"there is a subscription {e.subscription!r} already")
    draft.owed[e.subscription] = Owed(None)


def _removed(draft: Draft, e: SubscriptionRemoved, cause: Cause) -> None:
    _forget(draft, e.subscription, "REMOVED", cause, 0)


def _forget(draft: Draft, name: str, what: What, cause: Cause, part: int) -> None:
    owed = draft.subscription(name)
    numbers = owed.numbers()
    for number in numbers:
        draft.done(owed, owed.get(number, *_STANDING, "DEAD", "MOVING"))
    if numbers:
        step = Step(cause.event, name, what, cause.who)
        draft.history.append(end_row(draft.there(), cause.when, step, numbers, part))
    draft.owed[name] = None


def _enqueued(draft: Draft, e: MessagesEnqueued, cause: Cause) -> None:
    head = draft.there()
    if e.first < draft.next_message:
        raise LookupError(f"message {e.first} comes after message {draft.next_message - 1}")
    draft.next_message = e.first + len(e.messages)
    subscriptions = [(name, draft.subscription(name)) for name in draft.names()]
    plain: list[Entry] = []
    for number, message in enumerate(e.messages, e.first):
        if subscriptions:
            draft.keep(_body(head, number, message, e, cause.when), len(message.payload))
        for name, owed in subscriptions:
            owed.add(_fresh(head, name, number, message, cause.when))
        if message.origin is None:
            plain.append((number, 0, message.ready_at))
        else:
            origin = origin_document(message.origin)
            step = Step(cause.event, "", "ENQUEUED", cause.who, origin=origin, alone=True)
            draft.history += step_rows(head, cause.when, step, [(number, 0, message.ready_at)])
    if plain:
        _tell(draft, Step(cause.event, "", "ENQUEUED", cause.who), plain, cause)
    draft.counted().count("enqueued", len(e.messages))


def _body(head: Head, number: int, message: EnqueuedMessage, e: MessagesEnqueued, when: When) -> Row:
    return (
        head.partition, head.incarnation, number,
        storable_or_none(message.group), storable_or_none(message.key), message.priority,
        storable_or_none(message.dedup_id), headers_document(message.headers), message.payload, message.stray,
        origin_document(message.origin), e.principal, e.client, when.offset, when.time_ms,
    )  # fmt: skip


def _fresh(head: Head, name: str, number: int, message: EnqueuedMessage, when: When) -> Row:
    due = message.ready_at
    return (
        head.partition, head.incarnation, name, number,
        "DELAYED" if due else "READY", 0, len(message.payload), when.time_ms,
        *((due, when.wall(due)) if due else _UNDUE), *_UNLEASED, None, None, when.time_ms, when.offset,
    )  # fmt: skip


def _changed(
    row: Row,
    state: str,
    attempts: int,
    due: Row,
    lease: Row,
    reason: str | None,
    target: str | None,
    when: When,
) -> Row:
    """Return the row of a message whose state begins anew."""
    return (
        *row[:STATE], state, attempts, *row[SIZE:DUE_LEASE_MS], *due, *lease, reason, target, when.time_ms,
        when.offset,
    )  # fmt: skip


def _receive_started(draft: Draft, e: ReceiveStarted, _: Cause) -> None:
    draft.subscription(e.subscription).waiting += 1


def _receive_ended(draft: Draft, e: ReceiveEnded, _: Cause) -> None:
    if e.cause not in _ENDED_BEFORE:
        _end_wait(draft.subscription(e.subscription))


def _end_wait(owed: Owed) -> None:
    if not owed.waiting:
        raise LookupError("no consumer waits")
    owed.waiting -= 1


def _delivered(draft: Draft, e: MessagesDelivered, cause: Cause) -> None:
    owed, when = draft.subscription(e.subscription), cause.when
    if e.ticket is not None:
        _end_wait(owed)
    due, lease = (e.expires_at, when.wall(e.expires_at)), (e.token, e.principal, e.client, e.handle)
    since = []
    for one in e.messages:
        row = owed.get(one.message, "READY", "DELAYED")
        owed.put(row, _changed(row, "LEASED", one.attempt, due, lease, row[REASON], None, when))
        since.append(row[SINCE_MS])
    counts = draft.counted()
    counts.count("delivered", len(since))
    counts.count("retried", sum(one.attempt > 1 for one in e.messages))
    counts.lasted_since("waits", when.time_ms, since)
    entries = [(one.message, one.attempt, e.expires_at) for one in e.messages]
    _tell(draft, Step(cause.event, e.subscription, "DELIVERED", Who(*lease)), entries, cause)


def _due(draft: Draft, e: MessagesDue, cause: Cause) -> None:
    owed, entries = draft.subscription(e.subscription), []
    for number in e.messages:
        row = owed.get(number, "DELAYED")
        owed.put(row, _changed(row, "READY", row[ATTEMPTS], _UNDUE, _UNLEASED, row[REASON], None, cause.when))
        entries.append((number, row[ATTEMPTS], 0))
    _tell(draft, Step(cause.event, e.subscription, "DUE", cause.who), entries, cause)


def _acked(draft: Draft, e: MessagesAcked, cause: Cause) -> None:
    gone = _leave(draft, e.subscription, e.messages, "ACKED", ("LEASED",), cause)
    counts = draft.counted()
    counts.count("acked", len(gone))
    counts.lasted_since("works", cause.when.time_ms, [row[SINCE_MS] for row in gone])


def _purged(draft: Draft, e: MessagesPurged, cause: Cause) -> None:
    gone = _leave(draft, e.subscription, e.messages, "PURGED", ("READY", "DELAYED", "DEAD"), cause)
    draft.counted().count("purged", len(gone))


def _moved(draft: Draft, e: MessagesMoved, cause: Cause) -> None:
    _leave(draft, e.subscription, e.messages, "MOVED", ("MOVING",), cause)


def _leave(
    draft: Draft, name: str, numbers: Iterable[int], what: What, states: tuple[str, ...], cause: Cause
) -> list[Row]:
    owed, gone = draft.subscription(name), []
    for number in numbers:
        row = owed.get(number, *states)
        draft.done(owed, row)
        gone.append(row)
    entries = [(row[NUMBER], row[ATTEMPTS], 0) for row in gone]
    _tell(draft, Step(cause.event, name, what, cause.who), entries, cause)
    return gone


def _returned(draft: Draft, e: MessagesReturned, cause: Cause) -> None:
    owed, when, entries = draft.subscription(e.subscription), cause.when, []
    said = storable(e.reason) or None
    for one in e.messages:
        row = owed.get(one.message, "LEASED")
        due = (one.ready_at, when.wall(one.ready_at)) if one.ready_at else _UNDUE
        state, reason = "DELAYED" if one.ready_at else "READY", said or row[REASON]
        owed.put(row, _changed(row, state, one.attempts, due, _UNLEASED, reason, None, when))
        entries.append((one.message, one.attempts, one.ready_at))
    draft.counted().count("expired" if e.cause == "EXPIRED" else "returned", len(entries))
    _tell(draft, Step(cause.event, e.subscription, "RETURNED", cause.who, e.cause, said), entries, cause)


def _extended(draft: Draft, e: LeasesExtended, cause: Cause) -> None:
    owed, when, entries = draft.subscription(e.subscription), cause.when, []
    for number in e.messages:
        row = owed.get(number, "LEASED")
        due = (e.expires_at, when.wall(e.expires_at))
        owed.put(row, (*row[:DUE_LEASE_MS], *due, *row[TOKEN:-1], when.offset))
        entries.append((number, row[ATTEMPTS], e.expires_at))
    _tell(draft, Step(cause.event, e.subscription, "EXTENDED", cause.who), entries, cause)


def _died(draft: Draft, e: MessagesDied, cause: Cause) -> None:
    owed, reason = draft.subscription(e.subscription), storable(e.reason) or None
    state = "DEAD" if e.to is None else "MOVING"
    for one in e.messages:
        row = owed.get(one.message, *_STANDING)
        owed.put(row, _changed(row, state, one.attempt, _UNDUE, _UNLEASED, reason, e.to, cause.when))
    draft.counted().count("dead", len(e.messages))
    entries = [(one.message, one.attempt, 0) for one in e.messages]
    _tell(draft, Step(cause.event, e.subscription, "DIED", cause.who, e.cause, reason, e.to), entries, cause)


def _redriven(draft: Draft, e: MessagesRedriven, cause: Cause) -> None:
    owed, when, entries = draft.subscription(e.subscription), cause.when, []
    delays = {each.message: each.ready_at for each in e.delayed}
    for number in e.messages:
        row, ready_at = owed.get(number, "DEAD"), delays.get(number, 0)
        due = (ready_at, when.wall(ready_at)) if ready_at else _UNDUE
        if e.to is None:
            state, attempts, reason = "DELAYED" if ready_at else "READY", 0, None
        else:
            state, attempts, reason = "MOVING", row[ATTEMPTS], row[REASON]
        owed.put(row, _changed(row, state, attempts, due, _UNLEASED, reason, e.to, when))
        entries.append((number, attempts, ready_at))
    draft.counted().count("redriven", len(entries))
    _tell(draft, Step(cause.event, e.subscription, "REDRIVEN", cause.who, target=e.to), entries, cause)


def _moves_failed(draft: Draft, e: MovesFailed, cause: Cause) -> None:
    owed, when = draft.subscription(e.subscription), cause.when
    for one in e.messages:
        row, reason = owed.get(one.message, "MOVING"), storable(one.reason) or None
        owed.put(row, _changed(row, "DEAD", row[ATTEMPTS], _UNDUE, _UNLEASED, reason, None, when))
        step = Step(cause.event, e.subscription, "MOVE_FAILED", cause.who, reason=reason, alone=True)
        draft.history += step_rows(draft.there(), when, step, [(one.message, row[ATTEMPTS], 0)])


def _tell(draft: Draft, step: Step, entries: list[Entry], cause: Cause) -> None:
    if entries:
        draft.history += step_rows(draft.there(), cause.when, step, entries)


_APPLY: Final[dict[type, Callable[[Draft, Any, Cause], None]]] = {
    QueueCreated: _created,
    QueueConfigured: _configured,
    QueueRouted: _routed,
    QueueDeleted: _deleted,
    SubscriptionAdded: _added,
    SubscriptionRemoved: _removed,
    MessagesEnqueued: _enqueued,
    ReceiveStarted: _receive_started,
    MessagesDelivered: _delivered,
    ReceiveEnded: _receive_ended,
    MessagesDue: _due,
    MessagesAcked: _acked,
    MessagesReturned: _returned,
    LeasesExtended: _extended,
    MessagesDied: _died,
    MessagesRedriven: _redriven,
    MessagesPurged: _purged,
    MessagesMoved: _moved,
    MovesFailed: _moves_failed,
}
