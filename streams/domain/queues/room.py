"""Whether a shard has room for new messages, and what leaves to make some. Standard library only."""

from itertools import islice

from streams.domain.decider import LeaseMs, Rejected
from streams.domain.queues.body import PAYLOAD
from streams.domain.queues.dedup import has_room, move_window_ms, window_ms
from streams.domain.queues.events import Attempt, EnqueuedMessage, Event, MessagesDied
from streams.domain.queues.limits import MAX_BATCH, MAX_DEDUP_IDS, MAX_LOOKED_AT
from streams.domain.queues.rejections import batch_too_large, payload_too_large, queue_full
from streams.domain.queues.settings import QueueSettings
from streams.domain.queues.state import Queue


def make_room(
    name: str, queue: Queue, settings: QueueSettings, new: list[EnqueuedMessage], now: LeaseMs
) -> tuple[Event, ...] | Rejected:
    """Return what must die for the new messages to fit, or why they cannot."""
    if not queue.subscriptions:
        return ()
    refused = _refuse_for_ever(settings, new) or _refuse_ids(name, queue, settings, new, now)
    if refused is not None:
        return refused
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


def _refuse_for_ever(settings: QueueSettings, new: list[EnqueuedMessage]) -> Rejected | None:
    """Return why not even an empty shard has room, or None."""
    sizes = [len(kept.payload) for kept in new]
    if max(sizes) > settings.max_bytes:
        return payload_too_large(max(sizes), settings.max_bytes)
    if len(new) > settings.max_depth:
        return batch_too_large("messages", len(new), settings.max_depth)
    if sum(sizes) > settings.max_bytes:
        return batch_too_large("bytes of payload", sum(sizes), settings.max_bytes)
    return None


def _refuse_ids(
    name: str, queue: Queue, settings: QueueSettings, new: list[EnqueuedMessage], now: LeaseMs
) -> Rejected | None:
    """Return why the ids of new messages cannot be remembered, or None. Only those count that would be."""
    moved = sum([kept.origin is not None for kept in new])
    sent = sum([kept.origin is None and kept.dedup_id is not None for kept in new])
    window = window_ms(settings)
    if window and not has_room(queue.dedup, sent, window, now):
        cure = "make dedup_window_ms shorter, or spread it over more shards"
        return queue_full(name, f"it remembers {MAX_DEDUP_IDS} dedup ids", cure)
    if not has_room(queue.arrivals, moved, move_window_ms(settings), now):
        full = f"it remembers {MAX_DEDUP_IDS} messages that were moved here"
        return queue_full(name, full, "wait until the oldest are an hour old, or spread it over more shards")
    return None
