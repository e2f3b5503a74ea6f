"""The bounds of a queue, and the check of arguments against them. Standard library only."""

from typing import Final

from streams.domain.arguments import bad_argument, refuse_text, within
from streams.domain.decider import Rejected
from streams.domain.queues.commands import NewMessage, Origin
from streams.domain.queues.rejections import dead_letter_loop, too_many_hops
from streams.domain.queues.settings import QueueRoute, QueueSettings

DAY_MS: Final = 86_400_000
MAX_ATTEMPTS: Final = 1_000
MIN_LEASE_MS: Final = 100
MAX_LEASE_MS: Final = DAY_MS // 2
MAX_WAIT_MS: Final = DAY_MS
MAX_BACKOFF_MS: Final = DAY_MS
MAX_DELAY_MS: Final = 366 * DAY_MS
MAX_DEDUP_MS: Final = 7 * DAY_MS
MAX_DEDUP_IDS: Final = 1_000_000
"""Dedup ids that a shard remembers; more are refused."""
MOVE_WINDOW_MS: Final = 3_600_000
"""For how long a message that was moved here is known at least, whatever the queue's window: a mover that was killed
before it confirmed is back by then, and enqueues it again."""
MAX_DEPTH: Final = 10_000_000
MAX_BYTES: Final = 1 << 36
MAX_PAYLOAD: Final = 131_072
MAX_PRIORITY: Final = 9
MAX_SHARDS: Final = 64
MAX_HEADERS: Final = 32
MAX_HEADER_VALUE: Final = 1_024
MAX_REASON: Final = 500
MAX_HOPS: Final = 8
"""Moves of a message from queue to queue until somebody redrives it: dead-letter queues may lead in a circle."""
MAX_BATCH: Final = 500
"""Messages, or receipts, of one command, and of one list in an event."""
MAX_BATCH_BYTES: Final = 400 * 1024
MAX_PURGED: Final = 5_000
MAX_PEEKED: Final = 100
MAX_LOOKED_AT: Final = 20_000
"""Messages at which one peek, redrive or purge looks; the answer says where the next may go on."""
MAX_WAITING: Final = 10_000
MAX_SUBSCRIPTIONS: Final = 64
MAX_REMOVED: Final = 10_000
"""Messages that a subscription may still need when it is removed: more are to be purged first."""
MAX_EVENTS: Final = 200
"""A decision that has so many events stops; what is left is due at once, and the next Tick goes on."""
MAX_DUE: Final = 5_000
"""Delays whose end one decision logs."""
MAX_DECISION_BYTES: Final = 480 * 1024

_SETTINGS: Final = (
    ("max_attempts", 1, MAX_ATTEMPTS),
    ("lease_ms", MIN_LEASE_MS, MAX_LEASE_MS),
    ("backoff_min_ms", 0, MAX_BACKOFF_MS),
    ("backoff_max_ms", 0, MAX_BACKOFF_MS),
    ("backoff_factor", 100, 1_000),
    ("jitter", 0, 100),
    ("dedup_window_ms", 0, MAX_DEDUP_MS),
    ("max_depth", 1, MAX_DEPTH),
    ("max_bytes", 1, MAX_BYTES),
    ("max_payload_bytes", 1, MAX_PAYLOAD),
    ("default_priority", 0, MAX_PRIORITY),
    ("aging_ms", 0, 366 * DAY_MS),
)


def refuse_settings(queue: str, s: QueueSettings) -> Rejected | None:
    """Return why a queue cannot be like that, or None."""
    for field, least, most in _SETTINGS:
        if not least <= getattr(s, field) <= most:
            return bad_argument(field, f"must be {least} to {most}", getattr(s, field))
    if s.backoff_max_ms < s.backoff_min_ms:
        return bad_argument(
            "backoff_max_ms", f"must be backoff_min_ms ({s.backoff_min_ms}) or more", s.backoff_max_ms
        )
    if s.overflow == "DEAD_LETTER_OLDEST" and (s.dead_letter_queue is None or s.broadcast):
        return bad_argument(
            "overflow",
            "DEAD_LETTER_OLDEST makes room by moving: it needs a dead_letter_queue, and no broadcast queue",
            s.overflow,
        )
    return (
        None
        if s.dead_letter_queue is None
        else refuse_target("dead_letter_queue", queue, s.dead_letter_queue)
    )


def refuse_target(field: str, queue: str, target: str) -> Rejected | None:
    """Return why messages of `queue` cannot be moved to `target`, or None."""
    if target == queue:
        return dead_letter_loop(queue)
    if "#" in target:
        return bad_argument(field, "must be a queue's name, without '#'", target)
    return refuse_text(field, target)


def refuse_route(route: QueueRoute) -> Rejected | None:
    """Return why there is no such route, or None."""
    for field in ("shards", "previous"):
        if not 1 <= getattr(route, field) <= MAX_SHARDS:
            return bad_argument(f"route.{field}", f"must be 1 to {MAX_SHARDS}", getattr(route, field))
    return bad_argument("route.epoch", "must be 1 or more", route.epoch) if route.epoch < 1 else None


def refuse_shard(route: QueueRoute, shard: int) -> Rejected | None:
    """Return why a queue of this route has no such shard, or None."""
    return within("shard", shard, 0, max(route.shards, route.previous) - 1)


def refuse_place(queue: str, shard: int) -> Rejected | None:
    """Return why no shard is called like that, or None."""
    if "#" in queue:
        return bad_argument("queue", "must be without '#', which stands before the number of a shard", queue)
    return within("shard", shard, 0, MAX_SHARDS - 1)


def refuse_message(m: NewMessage) -> Rejected | None:
    """Return why a message cannot be like that, or None."""
    if not -1 <= m.priority <= MAX_PRIORITY:
        return bad_argument("priority", f"must be 0 to {MAX_PRIORITY}, or -1 for the queue's", m.priority)
    if not 0 <= m.delay_ms <= MAX_DELAY_MS:
        return bad_argument("delay_ms", f"must be 0 to {MAX_DELAY_MS} (366 days)", m.delay_ms)
    if m.group is not None and (refused := refuse_text("group", m.group)) is not None:
        return refused
    if m.key is not None and (refused := refuse_text("key", m.key)) is not None:
        return refused
    if m.dedup_id is not None and (refused := refuse_text("dedup_id", m.dedup_id)) is not None:
        return refused
    if m.origin is not None and (refused := refuse_origin(m.origin)) is not None:
        return refused
    return refuse_headers(m) if m.headers else None


def refuse_origin(origin: Origin) -> Rejected | None:
    """Return why no message can come from there, or None."""
    for field in ("queue", "message", "subscription"):
        text: str = getattr(origin, field)
        if (text or field != "subscription") and (
            refused := refuse_text(f"origin.{field}", text)
        ) is not None:
            return refused
    if len(origin.reason) > MAX_REASON:
        return bad_argument("origin.reason", f"must have {MAX_REASON} characters at the most", origin.reason)
    if origin.hops > MAX_HOPS:
        return too_many_hops(MAX_HOPS)
    return within("origin.attempts", origin.attempts, 0, MAX_ATTEMPTS)


def refuse_headers(m: NewMessage) -> Rejected | None:
    """Return why a message cannot have such headers, or None."""
    if len(m.headers) > MAX_HEADERS:
        return bad_argument("headers", f"must be {MAX_HEADERS} at the most", len(m.headers))
    for header in m.headers:
        if (refused := refuse_text("headers.name", header.name)) is not None:
            return refused
        if len(header.value) > MAX_HEADER_VALUE:
            return bad_argument(
                f"headers.{header.name[:40]}",
                f"must have {MAX_HEADER_VALUE} characters at the most",
                header.value,
            )
    return None
