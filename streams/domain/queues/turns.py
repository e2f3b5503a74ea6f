"""Which message is next: the order of delivery. Imports the standard library only.

The highest priority first, to which a message adds one for each `aging_ms` since it could be delivered first (at most
9); among equals the oldest, by that time and number. Of a group only the oldest takes part, and only while none of the
group is leased. The place of a message never changes: one that comes back is ahead of all that are younger.
"""

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice
from typing import Final, TypeAlias

from streams.domain.decider import LeaseMs
from streams.domain.queues.body import ENQUEUED_AT, GROUP, Body, weight
from streams.domain.queues.events import Attempt
from streams.domain.queues.groups import Group
from streams.domain.queues.state import NO_LANE, PRIORITIES, Deliveries, Lane, Queue, members
from streams.domain.structures.fifo import EMPTY
from streams.domain.structures.heap import SLACK, heap_of, items, pop, rising

MAX_ATTACHED: Final = 480 * 1024
"""Bytes of the bodies that one answer names: with what surrounds them it fits a frame of the direct lane, 512 KiB."""
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
    return body[GROUP] is None or turn(sub, sub.groups[body[GROUP]]) == number


def since(queue: Queue, number: int, body: Body) -> LeaseMs:
    """Return from when on the message ages."""
    return queue.since.get(number, body[ENQUEUED_AT]) if queue.since else body[ENQUEUED_AT]


def cleaned(queue: Queue, sub: Deliveries, lane: Lane) -> Lane:
    """Return the lane with ready messages at the front of both its parts."""
    gone = 0
    for number in lane.fresh:
        if is_ready(queue, sub, number):
            break
        gone += 1
    back, size = lane.back, lane.size
    while back is not None and not is_ready(queue, sub, back[1][1]):
        back, size = pop(back), size - 1
    fresh = lane.fresh.without_first(gone)
    if len(fresh) + size > 2 * len(members(queue, sub)) + SLACK:
        return _made_anew(queue, sub, lane)
    if gone == 0 and back is lane.back:
        return lane
    return Lane(fresh, back, size) if back is not None or len(fresh) else NO_LANE


def _made_anew(queue: Queue, sub: Deliveries, lane: Lane) -> Lane:
    """Return the lane with ready messages only."""
    fresh = [number for number in lane.fresh if is_ready(queue, sub, number)]
    back = list(dict.fromkeys([item for item in items(lane.back) if is_ready(queue, sub, item[1])]))
    return Lane(EMPTY.extended(fresh), heap_of(back), len(back)) if fresh or back else NO_LANE


Turn: TypeAlias = tuple[LeaseMs, int, Body]
"""A message that can be delivered: since when, number, body."""


def order(queue: Queue, sub: Deliveries, now: LeaseMs) -> Iterator[Turn]:
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


def _rank(priority: int, head: Turn, now: LeaseMs, aging_ms: int) -> tuple[int, LeaseMs, int]:
    return -min(TOP, priority + (now - head[0]) // aging_ms), head[0], head[1]


def _lane(queue: Queue, sub: Deliveries, lane: Lane) -> Iterator[Turn]:
    fresh = _ready(queue, sub, lane.fresh)
    if lane.back is None:
        yield from fresh
        return
    back, last = _ready(queue, sub, (item[1] for item in rising(lane.back))), 0
    for found in merge(fresh, back):
        if found[1] != last:
            last = found[1]
            yield found


def _ready(queue: Queue, sub: Deliveries, numbers: Iterable[int]) -> Iterator[Turn]:
    get, ages = queue.messages.get, queue.since
    for number in numbers:
        if is_ready(queue, sub, number):
            body = get(number)
            assert body is not None
            yield ages.get(number, body[ENQUEUED_AT]) if ages else body[ENQUEUED_AT], number, body


def choose(queue: Queue, sub: Deliveries, now: LeaseMs, most: int) -> tuple[Attempt, ...]:
    """Return which messages a consumer gets that asks for `most` of them."""
    chosen, total, past = list[Attempt](), 0, sub.past
    for _, number, body in islice(order(queue, sub, now), most):
        total += weight(body)
        if total > MAX_ATTACHED and chosen:
            break
        known = past.get(number) if past else None
        chosen.append(Attempt(number, 1 if known is None else known.attempts + 1))
    return tuple(chosen)
