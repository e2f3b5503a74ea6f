"""Deciding EnqueueMessages: all or none, but for those that belong to another shard. Standard library only."""

from itertools import islice

from streams.domain.decider import Context, Decision, LeaseMs, Rejected, Requester
from streams.domain.queues.body import PAYLOAD
from streams.domain.queues.commands import EnqueueMessages, NewMessage
from streams.domain.queues.draft import Draft, sweep
from streams.domain.queues.events import Attempt, EnqueuedMessage, Event, MessagesDied, MessagesEnqueued
from streams.domain.queues.limits import (
    MAX_BATCH,
    MAX_BATCH_BYTES,
    MAX_DEDUP_IDS,
    MAX_LOOKED_AT,
    refuse_message,
)
from streams.domain.queues.rejections import (
    bad_argument,
    batch_too_large,
    payload_too_large,
    queue_full,
    stale_route,
)
from streams.domain.queues.replies import EnqueueResult, MessagesAccepted, Reply
from streams.domain.queues.settings import QueueSettings
from streams.domain.queues.state import Queue

OVERHEAD = 64
"""Bytes of a message in an event beside its texts, at the most."""
MOVED = EnqueueResult(0, "MOVED")


def enqueue(
    command: EnqueueMessages, who: Requester, queue: Queue, settings: QueueSettings, context: Context
) -> Decision[Event, Reply]:
    """Return the new messages and their deliveries to those who wait, or why there is no room."""
    size = _check(command, queue, settings)
    if isinstance(size, Rejected):
        return Decision((), size)
    new, results = _sorted_out(command, queue, settings, context.now)
    reply = MessagesAccepted(queue.incarnation, tuple(results))
    if not new:
        return Decision((), reply)
    died = _make_room(command.queue, queue, settings, new, context.now)
    if isinstance(died, Rejected):
        return Decision((), died)
    event = MessagesEnqueued(who.principal, who.client, queue.next_message, context.now, tuple(new))
    if not any(sub.waits for sub in queue.subscriptions.values()):
        return Decision((*died, event), reply)
    draft = Draft(queue, context)
    for each in died:
        draft.add(each)
    draft.add(event, size)
    sweep(draft)
    return draft.decision(reply)


def _check(command: EnqueueMessages, queue: Queue, settings: QueueSettings) -> int | Rejected:
    """Return the size of the messages, or why they are not taken."""
    messages, route = command.messages, queue.route
    if command.epoch != route.epoch and (command.epoch or max(route.shards, route.previous) > 1):
        return stale_route(command.queue, route)
    if not messages:
        return bad_argument("messages", "must have one or more", 0)
    if len(messages) > MAX_BATCH:
        return batch_too_large("messages", len(messages), MAX_BATCH)
    limit, total = settings.max_payload_bytes, 0
    for message in messages:
        if len(message.payload) > limit:
            return payload_too_large(len(message.payload), limit)
        refused = refuse_message(message)
        if refused is not None:
            return refused
        total += size_of(message)
    return batch_too_large("bytes", total, MAX_BATCH_BYTES) if total > MAX_BATCH_BYTES else total


def size_of(m: NewMessage) -> int:
    """Return about how many bytes a message takes in an event, at the most."""
    size = len(m.payload) + OVERHEAD
    if m.group is not None:
        size += len(m.group.encode())
    if m.key is not None:
        size += len(m.key.encode())
    if m.dedup_id is not None:
        size += len(m.dedup_id.encode())
    for header in m.headers:
        size += 4 + len(header.name.encode()) + len(header.value.encode())
    if m.origin is not None:
        size += 16 + len(f"{m.origin.queue}{m.origin.message}{m.origin.reason}".encode())
    return size


def _sorted_out(
    command: EnqueueMessages, queue: Queue, settings: QueueSettings, now: LeaseMs
) -> tuple[list[EnqueuedMessage], list[EnqueueResult]]:
    """Return what is to be kept, and what becomes of each message."""
    new, results, number = list[EnqueuedMessage](), list[EnqueueResult](), queue.next_message
    here, fresh = command.shard, dict[str, int]()
    for m in command.messages:
        first = None if m.dedup_id is None else _known(m, m.dedup_id, queue, settings, fresh, now)
        if first is not None:
            results.append(EnqueueResult(first, "DUPLICATE"))
            continue
        stray = command.epoch > 0 and m.home != here
        if stray and not lives_here(queue, m.group):
            results.append(MOVED)
            continue
        if m.dedup_id is not None:
            fresh[m.dedup_id] = number
        new.append(_kept(m, settings.default_priority, now, stray=stray))
        results.append(EnqueueResult(number, "ENQUEUED"))
        number += 1
    return new, results


def _known(
    m: NewMessage, dedup_id: str, queue: Queue, settings: QueueSettings, fresh: dict[str, int], now: LeaseMs
) -> int | None:
    """Return the message that this one repeats; one that is moved here is known whatever the queue's window."""
    if m.origin is None and not settings.dedup_window_ms:
        return None
    dedup = queue.dedup if m.origin is None else queue.arrivals
    remembered = dedup.known.get(dedup_id)
    if dedup_id not in fresh and remembered is not None and remembered[1] > now:
        return remembered[0]
    return fresh.get(dedup_id)


def lives_here(queue: Queue, group: str | None) -> bool:
    """Say whether messages of the group are here that are not dead."""
    return group is not None and any(group in sub.groups for sub in queue.subscriptions.values())


def _kept(m: NewMessage, default_priority: int, now: LeaseMs, *, stray: bool) -> EnqueuedMessage:
    priority = default_priority if m.priority < 0 else m.priority
    ready_at = now + m.delay_ms if m.delay_ms else 0
    return EnqueuedMessage(
        m.payload, m.group, m.key, priority, ready_at, m.dedup_id, m.headers, stray, m.origin
    )


def _make_room(
    name: str, queue: Queue, settings: QueueSettings, new: list[EnqueuedMessage], now: LeaseMs
) -> tuple[Event, ...] | Rejected:
    """Return what must die for the new messages to fit, or why they cannot."""
    if not queue.subscriptions:
        return ()
    ids = sum([kept.dedup_id is not None for kept in new])
    if ids and max(len(queue.dedup.order), len(queue.arrivals.order)) + ids > MAX_DEDUP_IDS:
        full = f"it remembers {MAX_DEDUP_IDS} dedup ids"
        return queue_full(name, full, "make dedup_window_ms shorter, or spread it over more shards")
    total, added = len(queue.messages), sum([len(kept.payload) for kept in new])
    away = sum([len(sub.moving) for sub in queue.subscriptions.values() if sub.mine is None])
    over = total - away + len(new) - settings.max_depth
    over_bytes = queue.bytes - queue.away + added - settings.max_bytes
    stuck = total + len(new) > 2 * settings.max_depth or queue.bytes + added > 2 * settings.max_bytes
    if over <= 0 and over_bytes <= 0 and not stuck:
        return ()
    full = f"{total} messages of {settings.max_depth}, {queue.bytes} bytes of {settings.max_bytes}"
    if settings.overflow == "REFUSE":
        return queue_full(
            name, full, "take messages out (receive, redrive or purge), or make max_depth larger"
        )
    dying = None if stuck else _oldest(queue, over, over_bytes)
    if dying is None:
        cure = "too few are ready or delayed to make room: redrive or purge the dead, see that the mover runs"
        return queue_full(name, full, cure)
    return (MessagesDied("", "OVERFLOW", "overflow", dying, settings.dead_letter_queue, now),)


def _oldest(queue: Queue, over: int, over_bytes: int) -> tuple[Attempt, ...] | None:
    """Return the oldest messages that nobody has, as many as must go, or None if there are not enough in reach."""
    sub, dying = queue.subscriptions[""], list[Attempt]()
    for number, body in islice(queue.messages.after(0), MAX_LOOKED_AT):
        if number in sub.leased or number in sub.moving or number in sub.dead:
            continue
        past = sub.past.get(number)
        dying.append(Attempt(number, 0 if past is None else past.attempts))
        over, over_bytes = over - 1, over_bytes - len(body[PAYLOAD])
        if over <= 0 and over_bytes <= 0:
            return tuple(dying)
        if len(dying) >= MAX_BATCH:
            return None
    return None
