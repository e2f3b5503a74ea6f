"""PeekMessages and InspectQueue: the shard as the log has it, and the bodies that answers name. Standard library only.

A lease that is over is shown until its end is logged: a read foretells nothing.
"""

from collections.abc import Iterator
from itertools import islice

from streams.domain.arguments import within
from streams.domain.decider import Context, Decision
from streams.domain.queues.body import ENQUEUED_AT, weight
from streams.domain.queues.commands import InspectQueue, PeekMessages, State
from streams.domain.queues.events import Event
from streams.domain.queues.letters import look
from streams.domain.queues.limits import MAX_LOOKED_AT, MAX_PEEKED
from streams.domain.queues.replies import (
    GONE,
    Delivery,
    MessageBody,
    MessagesPeeked,
    PeekedMessage,
    QueueStats,
    Reply,
    SubscriptionStats,
)
from streams.domain.queues.resizing import drained, has_late
from streams.domain.queues.settings import QueueSettings
from streams.domain.queues.standing import standing
from streams.domain.queues.state import Deliveries, Queue, members
from streams.domain.queues.turns import MAX_ATTACHED


def peek(command: PeekMessages, queue: Queue) -> Decision[Event, Reply]:
    """Return messages by rising number, as many as fit one answer."""
    refused = within("limit", command.limit, 1, MAX_PEEKED)
    if refused is not None:
        return Decision((), refused)
    sub, state = queue.subscriptions[command.subscription], command.state
    numbers = _numbers_of(state, queue, sub, command.after)
    chosen, more, after = look(
        numbers, lambda number: state is None or standing(sub, number) == state, command.limit, command.after
    )
    peeked = [_shown(sub, number) for number in chosen]
    fitting = _fitting(queue, peeked)
    if fitting < len(chosen):
        peeked, more, after = peeked[:fitting], True, chosen[fitting - 1]
    return Decision((), MessagesPeeked(queue.incarnation, tuple(peeked), more, after))


def _numbers_of(state: State | None, queue: Queue, sub: Deliveries, after: int) -> Iterator[int]:
    """Yield, rising, at least the numbers of all messages of a state, and no more of the others than can be helped."""
    if state == "MOVING" and len(sub.moving) <= MAX_LOOKED_AT:
        return iter(sorted([number for number in sub.moving if number > after]))
    source = sub.dead if state == "DEAD" else members(queue, sub)
    return (number for number, _ in source.after(after))


def _fitting(queue: Queue, peeked: list[PeekedMessage]) -> int:
    total = 0
    for index, one in enumerate(peeked):
        body = queue.messages.get(one.message)
        total += 64 + 4 * (len(one.client) + len(one.reason) + len(one.to or ""))
        total += 0 if body is None else weight(body)
        if total > MAX_ATTACHED and index:
            return index
    return len(peeked)


def _shown(sub: Deliveries, number: int) -> PeekedMessage:
    past, lease = sub.past.get(number), sub.leased.get(number)
    return PeekedMessage(
        number,
        standing(sub, number),
        (0 if past is None else past.attempts) + (lease is not None),
        sub.delayed.times.get(number, 0),
        0 if lease is None else lease.expires_at,
        "" if lease is None else lease.client,
        "" if past is None else past.reason,
        sub.moving.get(number),
    )


def shown(queue: Queue) -> QueueStats | None:
    """Return the shard in numbers, or None if it is not there; `drained` as if no dedup id mattered any more."""
    return None if queue.settings is None else _numbers(queue, queue.settings, not has_late(queue))


def inspect(command: InspectQueue, queue: Queue, settings: QueueSettings, context: Context) -> QueueStats:
    """Return the shard in numbers."""
    return _numbers(queue, settings, drained(queue, settings, command.shard, context.now))


def _numbers(queue: Queue, settings: QueueSettings, drained: bool) -> QueueStats:
    return QueueStats(
        queue.incarnation,
        queue.version,
        settings,
        queue.route,
        len(queue.messages),
        queue.bytes,
        queue.next_message,
        drained,
        tuple([_stats(queue, name, sub) for name, sub in sorted(queue.subscriptions.items())]),
    )


def _stats(queue: Queue, name: str, sub: Deliveries) -> SubscriptionStats:
    delayed, leased, dead, moving = len(sub.delayed), len(sub.leased), len(sub.dead), len(sub.moving)
    ready = len(members(queue, sub)) - delayed - leased - dead - moving
    return SubscriptionStats(
        name, ready, delayed, leased, dead, moving, len(sub.waits), _oldest_at(queue, sub)
    )


def _oldest_at(queue: Queue, sub: Deliveries) -> int:
    """Return when the oldest message in play was enqueued; where many dead ones are in front: about."""
    at = 0
    if len(members(queue, sub)) == len(sub.dead) + len(sub.moving):
        return 0
    for number, _ in islice(members(queue, sub).after(0), MAX_LOOKED_AT):
        body = queue.messages.get(number)
        at = 0 if body is None else body[ENQUEUED_AT]
        if number not in sub.dead and number not in sub.moving:
            break
    return at


def attached(queue: Queue, reply: object) -> tuple[object, ...]:
    """Return the bodies of the messages that `reply` names, in order; of those that are gone: `GONE`."""
    if not isinstance(reply, Delivery | MessagesPeeked):
        return ()
    if reply.incarnation != queue.incarnation:
        return (GONE,) * len(reply.messages)
    get = queue.messages.get
    bodies = [get(each.message) for each in reply.messages]
    return tuple([GONE if body is None else MessageBody(*body) for body in bodies])
