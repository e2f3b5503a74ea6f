"""Which message is next: the order of delivery. Imports the standard library only.

The highest priority first, to which a message adds one for each `aging_ms` since it could be delivered first (at most
9); among equals the oldest, by that time and number. Of a group only the oldest takes part, and only while none of the
group is leased. The place of a message never changes: one that comes back is ahead of all that are younger.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from streams.domain.decider import LeaseMs
from streams.domain.queues.events import Attempt
from streams.domain.queues.heap import pop, rising
from streams.domain.queues.replies import MessageBody
from streams.domain.queues.state import NO_LANE, PRIORITIES, Deliveries, Group, Lane, Queue
from streams.domain.value import value

MAX_ATTACHED: Final = 768 * 1024
"""Bytes of the bodies of one delivery; a single one may be larger."""
TOP: Final = PRIORITIES - 1


def turn(sub: Deliveries, group: Group) -> int:
    """Return the number of the group's message that is ready, or 0."""
    if group.leased or group.numbers is None:
        return 0
    number: int = group.numbers[1][0]
    return 0 if number in sub.delayed.times else number


def is_ready(queue: Queue, sub: Deliveries, number: int) -> bool:
    """Say whether the message could be delivered now."""
    if number in sub.leased or number in sub.delayed.times or number in sub.moving or number in sub.dead:
        return False
    body = queue.messages.get(number)
    if body is None or (sub.mine is not None and number not in sub.mine):
        return False
    return body.group is None or turn(sub, sub.groups[body.group]) == number


def since(queue: Queue, number: int, body: MessageBody) -> LeaseMs:
    """Return from when on the message ages."""
    return queue.since.get(number, body.enqueued_at) if queue.since else body.enqueued_at


def cleaned(queue: Queue, sub: Deliveries, lane: Lane) -> Lane:
    """Return the lane with ready messages at the front of both its parts."""
    gone = 0
    for number in lane.fresh:
        if is_ready(queue, sub, number):
            break
        gone += 1
    back = lane.back
    while back is not None and not is_ready(queue, sub, back[1][1]):
        back = pop(back)
    if gone == 0 and back is lane.back:
        return lane
    fresh = lane.fresh.without_first(gone)
    return Lane(fresh, back) if back is not None or len(fresh) else NO_LANE


@value
class Next:
    """A message whose turn it is."""

    since: LeaseMs
    number: int
    body: MessageBody


def order(queue: Queue, sub: Deliveries, now: LeaseMs) -> Iterator[Next]:
    """Yield what can be delivered, in its order."""
    assert queue.settings is not None
    lanes = [(p, _lane(queue, sub, sub.lanes[p])) for p in range(TOP, -1, -1) if sub.lanes[p] is not NO_LANE]
    aging = queue.settings.aging_ms
    if aging == 0 or len(lanes) <= 1:
        for _, lane in lanes:
            yield from lane
        return
    heads = [(p, first, lane) for p, lane in lanes if (first := next(lane, None)) is not None]
    while heads:
        index = min(range(len(heads)), key=lambda i: _rank(heads[i][0], heads[i][1], now, aging))
        p, first, lane = heads[index]
        yield first
        following = next(lane, None)
        heads[index : index + 1] = [] if following is None else [(p, following, lane)]


def _rank(priority: int, head: Next, now: LeaseMs, aging_ms: int) -> tuple[int, LeaseMs, int]:
    return -min(TOP, priority + (now - head.since) // aging_ms), head.since, head.number


def _lane(queue: Queue, sub: Deliveries, lane: Lane) -> Iterator[Next]:
    if lane.back is None:
        yield from _fresh(queue, sub, lane)
        return
    fresh, back = _fresh(queue, sub, lane), _back(queue, sub, lane)
    a, b, last = next(fresh, None), next(back, None), 0
    while a is not None or b is not None:
        if b is None or (a is not None and (a.since, a.number) <= (b.since, b.number)):
            assert a is not None
            chosen, a = a, next(fresh, None)
        else:
            chosen, b = b, next(back, None)
        if chosen.number != last:
            last = chosen.number
            yield chosen


def _fresh(queue: Queue, sub: Deliveries, lane: Lane) -> Iterator[Next]:
    get = queue.messages.get
    for number in lane.fresh:
        if is_ready(queue, sub, number):
            body = get(number)
            assert body is not None
            yield Next(since(queue, number, body), number, body)


def _back(queue: Queue, sub: Deliveries, lane: Lane) -> Iterator[Next]:
    for age, number in rising(lane.back):
        if is_ready(queue, sub, number):
            body = queue.messages.get(number)
            assert body is not None
            yield Next(age, number, body)


def choose(queue: Queue, sub: Deliveries, now: LeaseMs, most: int) -> tuple[Attempt, ...]:
    """Return which messages a consumer gets that asks for `most` of them."""
    chosen, total, past = list[Attempt](), 0, sub.past
    for turn_of in islice(order(queue, sub, now), most):
        total += weight(turn_of.body)
        if total > MAX_ATTACHED and chosen:
            break
        known = past.get(turn_of.number) if past else None
        chosen.append(Attempt(turn_of.number, 1 if known is None else known.attempts + 1))
    return tuple(chosen)


def weight(body: MessageBody) -> int:
    """Return about how many bytes a body takes in an answer, at the most."""
    total = 64 + len(body.payload)
    for text in (body.group, body.key, body.dedup_id):
        if text is not None:
            total += 4 * len(text)
    for header in body.headers:
        total += 8 + 4 * len(header.name) + 4 * len(header.value)
    if body.origin is not None:
        total += 16 + 4 * (len(body.origin.queue) + len(body.origin.message) + len(body.origin.reason))
    return total
