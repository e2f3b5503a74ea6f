"""The fold of what happens to messages and waits of one subscription.

Imports the standard library and `immutables` only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias, assert_never

from immutables import Map

from streams.domain.queues.body import GROUP, PAYLOAD
from streams.domain.queues.desk import Desk, without
from streams.domain.queues.events import (
    LeasesExtended,
    MessagesAcked,
    MessagesDelivered,
    MessagesDied,
    MessagesDue,
    MessagesMoved,
    MessagesPurged,
    MessagesRedriven,
    MessagesReturned,
    MovesFailed,
    ReceiveEnded,
    ReceiveStarted,
)
from streams.domain.queues.state import Deliveries, Lease, Past, Queue, Wait
from streams.domain.structures.agenda import NOTHING_DUE

Progress: TypeAlias = (
    MessagesDelivered
    | MessagesAcked
    | MessagesReturned
    | MessagesDue
    | LeasesExtended
    | MessagesDied
    | MessagesRedriven
    | MessagesPurged
    | MessagesMoved
    | MovesFailed
)


def evolve(queue: Queue, event: Progress) -> Queue:
    """Return the queue after something happened to messages of `event.subscription`."""
    desk = Desk(queue, event.subscription)
    match event:
        case MessagesDelivered():
            _delivered(desk, event)
        case MessagesAcked():
            desk.free(event.messages)
            _out(desk, event.messages, freed=True)
        case MessagesReturned():
            _returned(desk, event)
        case MessagesDue():
            desk.d.delayed = desk.d.delayed.drop(event.messages)
            for number in event.messages:
                desk.ready(number)
        case LeasesExtended():
            desk.prolong(event.messages, event.expires_at)
        case MessagesDied():
            _died(desk, event)
        case MessagesRedriven():
            _redriven(desk, event)
        case MessagesPurged():
            _purged(desk, event.messages)
        case MessagesMoved():
            _landed(desk, event.messages)
            _forget(desk, event.messages)
        case MovesFailed():
            _moves_failed(desk, event)
        case _:
            assert_never(event)
    return desk.done()


def _delivered(desk: Desk, e: MessagesDelivered) -> None:
    if e.ticket is not None:
        _no_wait(desk.d, e.ticket)
    lease = Lease(e.principal, e.client, e.sequence, e.token, e.expires_at, e.session)
    desk.lease(tuple([each.message for each in e.messages]), lease)


def _returned(desk: Desk, e: MessagesReturned) -> None:
    d = desk.d
    desk.free([each.message for each in e.messages])
    past = d.past.mutate()
    for each in e.messages:
        if each.attempts or each.message in past:
            old = past.get(each.message)
            reason = e.reason or ("" if old is None else old.reason)
            past[each.message] = Past(each.attempts, reason)
        if each.ready_at:
            d.delayed = d.delayed.put(each.message, each.ready_at)
    d.past = past.finish()
    for each in e.messages:
        desk.returned(each.message)


def _died(desk: Desk, e: MessagesDied) -> None:
    d, numbers = desk.d, [each.message for each in e.messages]
    freed = e.cause == "ATTEMPTS"
    if freed:
        desk.free(numbers)
    else:
        d.delayed = d.delayed.drop(numbers)
        desk.stale = True
    d.past = d.past.update({each.message: Past(each.attempt, e.reason) for each in e.messages})
    if e.to is None:
        _bury(desk, numbers)
    else:
        _send(desk, numbers, e.to)
    desk.out_of_groups([(number, desk.body(number)) for number in numbers], freed=freed)


def _bury(desk: Desk, numbers: Iterable[int]) -> None:
    for number in numbers:
        desk.d.dead = desk.d.dead.put(number, True)


def _send(desk: Desk, numbers: Sequence[int], to: str) -> None:
    desk.d.moving = desk.d.moving.update(dict.fromkeys(numbers, to))
    if desk.d.mine is None:
        desk.q.away += sum([len(desk.body(number)[PAYLOAD]) for number in numbers])


def _landed(desk: Desk, numbers: Sequence[int]) -> None:
    """They are on their way no more."""
    desk.d.moving = without(desk.d.moving, numbers)
    if desk.d.mine is None:
        desk.q.away -= sum([len(desk.body(number)[PAYLOAD]) for number in numbers])


def _redriven(desk: Desk, e: MessagesRedriven) -> None:
    desk.d.dead = desk.d.dead.without(e.messages)
    desk.start_over(e.messages)
    if e.to is not None:
        _send(desk, e.messages, e.to)
        return
    desk.d.past = without(desk.d.past, e.messages)
    for each in e.delayed:
        desk.d.delayed = desk.d.delayed.put(each.message, each.ready_at)
    for number in e.messages:
        group = desk.body(number)[GROUP]
        if group is not None:
            if desk.q.route.is_changing:
                desk.d.revived = desk.d.revived.set(number, True)
            desk.into_group(number, group)
        if number not in desk.d.delayed.times:
            desk.ready(number)
    desk.stale = True


def _purged(desk: Desk, numbers: Sequence[int]) -> None:
    dead = [number for number in numbers if number in desk.d.dead]
    alive = [number for number in numbers if number not in desk.d.dead]
    desk.d.dead = desk.d.dead.without(dead)
    _forget(desk, dead)
    desk.d.delayed = desk.d.delayed.drop(alive)
    _out(desk, alive, freed=False)
    desk.stale = True


def _out(desk: Desk, numbers: Sequence[int], *, freed: bool) -> None:
    """They are gone, and were in play."""
    bodies = desk.gone(numbers)
    desk.out_of_groups(bodies, freed=freed)
    _no_strays(desk.q, numbers)


def _forget(desk: Desk, numbers: Sequence[int]) -> None:
    """They are gone, and were out of play already."""
    desk.gone(numbers)
    _no_strays(desk.q, numbers)


def _no_strays(q: Queue, numbers: Sequence[int]) -> None:
    if q.strays:
        q.strays = without(q.strays, [number for number in numbers if number not in q.messages])


def _moves_failed(desk: Desk, e: MovesFailed) -> None:
    numbers = [each.message for each in e.messages]
    _landed(desk, numbers)
    _bury(desk, numbers)
    past = desk.d.past
    failed = {
        each.message: Past(past[each.message].attempts if each.message in past else 0, each.reason)
        for each in e.messages
    }
    desk.d.past = past.update(failed)


def wait_started(queue: Queue, e: ReceiveStarted) -> Queue:
    """Return the queue with one more who waits."""
    desk = Desk(queue, e.subscription)
    wait = Wait(
        e.principal,
        e.client,
        e.handle,
        e.sequence,
        e.ticket,
        e.subscription,
        e.max_messages,
        e.lease_ms,
        e.wait_until,
        e.session,
    )
    d = desk.d
    d.waits = d.waits.set(e.ticket, wait)
    d.line, d.timeouts = d.line.put(e.ticket, e.ticket), d.timeouts.put(e.ticket, e.wait_until)
    return desk.done()


def wait_ended(queue: Queue, e: ReceiveEnded) -> Queue:
    """Return the queue with one less who waits."""
    desk = Desk(queue, e.subscription)
    _no_wait(desk.d, e.ticket)
    return desk.done()


def _no_wait(d: Deliveries, ticket: int) -> None:
    d.waits = d.waits.delete(ticket)
    d.line, d.timeouts = d.line.drop((ticket,)), d.timeouts.drop((ticket,))


def without_waits(sub: Deliveries) -> Deliveries:
    """Return the subscription with nobody who waits."""
    return replace(sub, waits=Map(), line=NOTHING_DUE, timeouts=NOTHING_DUE)
