"""`given(events).when(command, by).then(events).answers(reply)`, for queues.

Generation 0, so that the token of an event is its number. Time is 0 unless `at` moves it; the next event's number is
one more than there were events, so tokens are counted from 1.
"""

from __future__ import annotations

from streams.domain.queues.commands import Header, NewMessage, Origin
from streams.domain.queues.settings import QueueRoute, QueueSettings

NAME = "orders"
LEASE = 30_000
SETTINGS = QueueSettings(
    max_attempts=3,
    lease_ms=LEASE,
    backoff_min_ms=1_000,
    backoff_max_ms=60_000,
    backoff_factor=200,
    jitter=0,
    dead_letter_queue=None,
    dedup_window_ms=300_000,
    max_depth=1_000,
    max_bytes=1_000_000,
    overflow="REFUSE",
    max_payload_bytes=131_072,
    default_priority=4,
    aging_ms=0,
    paused=False,
    broadcast=False,
)
ROUTE = QueueRoute(1, 1, 1)


def new(
    payload: bytes = b"x",
    *,
    group: str | None = None,
    key: str | None = None,
    priority: int = -1,
    delay_ms: int = 0,
    dedup_id: str | None = None,
    headers: tuple[Header, ...] = (),
    home: int = 0,
    origin: Origin | None = None,
) -> NewMessage:
    return NewMessage(payload, group, key, priority, delay_ms, dedup_id, headers, home, origin)
