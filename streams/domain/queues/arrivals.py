"""The fold of MessagesEnqueued: bodies are kept once, and every subscription gets its numbers.

Imports the standard library and `immutables` only.
"""

from streams.domain.queues.dedup import Come, identity, move_window_ms, remembered, window_ms
from streams.domain.queues.desk import Desk
from streams.domain.queues.events import EnqueuedMessage, MessagesEnqueued
from streams.domain.queues.state import Lane, Queue, queue_copy


def enqueued(queue: Queue, e: MessagesEnqueued) -> Queue:
    """Return the queue with new messages."""
    q = queue_copy(queue)
    q.next_message = e.first + len(e.messages)
    if not q.subscriptions:
        return q
    _remember(q, e)
    bodies = [
        (m.payload, m.group, m.key, m.priority, m.dedup_id, m.headers, m.origin, e.at) for m in e.messages
    ]
    q.messages = q.messages.put_all(e.first, bodies)
    q.bytes += sum([len(m.payload) for m in e.messages])
    _note(q, e)
    if len(q.subscriptions) > 1 or "" not in q.subscriptions:
        owed, count = q.owed.mutate(), len(q.subscriptions)
        for number in range(e.first, q.next_message):
            owed[number] = count
        q.owed = owed.finish()
    for name in q.subscriptions:
        q = _take_in(Desk(q, name, own=True), e)
    return q


def _note(q: Queue, e: MessagesEnqueued) -> None:
    since = {e.first + i: m.ready_at for i, m in enumerate(e.messages) if m.ready_at}
    if since:
        q.since = q.since.update(since)
    strays = {e.first + i: True for i, m in enumerate(e.messages) if m.stray}
    if strays:
        q.strays = q.strays.update(strays)


def _take_in(desk: Desk, e: MessagesEnqueued) -> Queue:
    d, fresh = desk.d, dict[int, list[int]]()
    if d.mine is not None:
        d.mine = d.mine.put_all(e.first, (True,) * len(e.messages))
    for number, message in enumerate(e.messages, e.first):
        if message.group is None and not message.ready_at:
            fresh.setdefault(message.priority, []).append(number)
        else:
            _take_in_one(desk, number, message, fresh)
    if fresh:
        lanes = list(d.lanes)
        for priority, numbers in fresh.items():
            lane = lanes[priority]
            lanes[priority] = Lane(lane.fresh.extended(numbers), lane.back, lane.size)
        d.lanes = tuple(lanes)
    return desk.done()


def _take_in_one(desk: Desk, number: int, message: EnqueuedMessage, fresh: dict[int, list[int]]) -> None:
    group, first = message.group, True
    if group is not None:
        first = group not in desk.d.groups
        desk.into_group(number, group)
    if message.ready_at:
        desk.d.delayed = desk.d.delayed.put(number, message.ready_at)
    elif first:
        fresh.setdefault(message.priority, []).append(number)


def _remember(q: Queue, e: MessagesEnqueued) -> None:
    """Remember the ids of what came, and forget those whose time is over."""
    settings = q.settings
    assert settings is not None
    sent, moved = list[Come](), list[Come]()
    for number, m in enumerate(e.messages, e.first):
        if m.origin is not None:
            moved.append((identity(m.origin), number, m.stray))
        elif m.dedup_id is not None and settings.dedup_window_ms:
            sent.append((m.dedup_id, number, m.stray))
    q.dedup = remembered(q.dedup, sent, e.at, window_ms(settings))
    q.arrivals = remembered(q.arrivals, moved, e.at, move_window_ms(settings))
