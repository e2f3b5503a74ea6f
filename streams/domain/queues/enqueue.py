"""Deciding EnqueueMessages: all or none, but for those that belong to another shard. Standard library only."""

from streams.domain.arguments import bad_argument, within
from streams.domain.decider import Context, Decision, LeaseMs, Rejected, Requester
from streams.domain.queues.commands import EnqueueMessages, NewMessage
from streams.domain.queues.dedup import identity, move_window_ms, recall, window_ms
from streams.domain.queues.draft import Draft, sweep
from streams.domain.queues.events import EnqueuedMessage, Event, MessagesEnqueued
from streams.domain.queues.limits import MAX_BATCH, MAX_BATCH_BYTES, refuse_message
from streams.domain.queues.rejections import batch_too_large, no_subscriptions, payload_too_large, stale_route
from streams.domain.queues.replies import EnqueueResult, MessagesAccepted, Reply
from streams.domain.queues.resizing import lives_here
from streams.domain.queues.room import make_room
from streams.domain.queues.settings import QueueRoute, QueueSettings
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
    died = make_room(command.queue, queue, settings, new, context.now)
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
    if not _is_addressed(command, route):
        return stale_route(command.queue, route)
    if not messages:
        return bad_argument("messages", "must have one or more", 0)
    if len(messages) > MAX_BATCH:
        return batch_too_large("messages", len(messages), MAX_BATCH)
    limit, total = settings.max_payload_bytes, 0
    for message in messages:
        if len(message.payload) > limit:
            return payload_too_large(len(message.payload), limit)
        refused = refuse_message(message) or _refuse_place(command, message, queue)
        if refused is not None:
            return refused
        total += size_of(message)
    return batch_too_large("bytes", total, MAX_BATCH_BYTES) if total > MAX_BATCH_BYTES else total


def _is_addressed(command: EnqueueMessages, route: QueueRoute) -> bool:
    """Say whether who asks knows the route; who does not care for shards can only mean the one that there is."""
    if command.epoch:
        return command.epoch == route.epoch
    return command.shard == 0 and max(route.shards, route.previous) == 1


def _refuse_place(command: EnqueueMessages, m: NewMessage, queue: Queue) -> Rejected | None:
    """Return why nobody would ever find the message, or None."""
    if m.origin is not None and not queue.subscriptions:
        return no_subscriptions(command.queue)
    return within("home", m.home, 0, queue.route.shards - 1) if command.epoch else None


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
        texts = (m.origin.queue, m.origin.message, m.origin.reason, m.origin.subscription)
        size += 16 + len("".join(texts).encode())
    return size


def _sorted_out(
    command: EnqueueMessages, queue: Queue, settings: QueueSettings, now: LeaseMs
) -> tuple[list[EnqueuedMessage], list[EnqueueResult]]:
    """Return what is to be kept, and what becomes of each message."""
    new, results, number = list[EnqueuedMessage](), list[EnqueueResult](), queue.next_message
    here, fresh = command.shard, dict[tuple[bool, str], int]()
    for m in command.messages:
        name = _name(m, settings)
        first = None if name is None else _known(name, queue, settings, now) or fresh.get(name)
        if first is not None:
            results.append(EnqueueResult(first, "DUPLICATE"))
            continue
        stray = command.epoch > 0 and m.home != here
        if stray and not lives_here(queue, m.group):
            results.append(MOVED)
            continue
        if name is not None:
            fresh[name] = number
        new.append(_kept(m, settings.default_priority, now, stray=stray))
        results.append(EnqueueResult(number, "ENQUEUED"))
        number += 1
    return new, results


def _name(m: NewMessage, settings: QueueSettings) -> tuple[bool, str] | None:
    """Return whether the message is moved, and the name under which it may come again; None: it has none."""
    if m.origin is not None:
        return True, identity(m.origin)
    return None if m.dedup_id is None or not settings.dedup_window_ms else (False, m.dedup_id)


def _known(name: tuple[bool, str], queue: Queue, settings: QueueSettings, now: LeaseMs) -> int | None:
    """Return the message that came under this name before."""
    moved, text = name
    if moved:
        return recall(queue.arrivals, text, move_window_ms(settings), now)
    return recall(queue.dedup, text, window_ms(settings), now)


def _kept(m: NewMessage, default_priority: int, now: LeaseMs, *, stray: bool) -> EnqueuedMessage:
    priority = default_priority if m.priority < 0 else m.priority
    ready_at = now + m.delay_ms if m.delay_ms else 0
    return EnqueuedMessage(
        m.payload, m.group, m.key, priority, ready_at, m.dedup_id, m.headers, stray, m.origin
    )
