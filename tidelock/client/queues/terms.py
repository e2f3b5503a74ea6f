"""How a queue behaves and what a message says, as callers write it; the one place where commands get it from."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypedDict, Unpack

from streams.domain.queues.commands import Header, NewMessage
from streams.domain.queues.limits import MAX_PAYLOAD, refuse_message
from streams.domain.queues.rejections import payload_too_large
from streams.domain.queues.settings import Overflow, QueueSettings
from tidelock.client.errors import BadArgument
from tidelock.client.rejections import rejection_error
from tidelock.client.terms import ms_of

QUEUE_DEFAULT: Final = -1
"""Priority or delay: as the queue says."""

DEFAULTS: Final = QueueSettings(
    max_attempts=5,
    lease_ms=30_000,
    backoff_min_ms=1_000,
    backoff_max_ms=600_000,
    backoff_factor=200,
    jitter=20,
    dead_letter_queue=None,
    dedup_window_ms=300_000,
    max_depth=1_000_000,
    max_bytes=1 << 30,
    overflow="REFUSE",
    max_payload_bytes=128 * 1024,
    default_priority=4,
    aging_ms=0,
    paused=False,
    broadcast=False,
)


class QueueOptions(TypedDict, total=False):
    """What may be said when a queue is created or configured. Times in seconds; bounds are those of one shard."""

    max_attempts: int
    """Deliveries of one message before it is a dead letter; default 5."""
    lease: float
    """How long a consumer may keep a message that it does not extend; default 30."""
    backoff_min: float
    """Pause before the second attempt; default 1."""
    backoff_max: float
    """Default 600."""
    backoff_factor: float
    """By how much the pause grows with every attempt; default 2."""
    jitter: float
    """Share of the pause by which it varies; default 0.2."""
    dead_letter_queue: str | None
    """Where dead letters go; default: they stay, as dead."""
    dedup_window: float
    """How long a `dedup_id` is known; default 300; 0: not at all."""
    max_depth: int
    """Messages; default a million."""
    max_bytes: int
    """Bytes of payload; default 1 GiB."""
    overflow: Overflow
    """What a put does where there is no room: REFUSE (default), or DEAD_LETTER_OLDEST into the `dead_letter_queue`."""
    max_payload: int
    """Bytes; at most, and by default, 128 KiB."""
    default_priority: int
    """0 to 9; 9 is served first; default 4."""
    aging: float
    """A message that was ready for so long counts as one priority higher, and so on; 0 (default): never."""
    paused: bool
    """Nothing is delivered while it is true."""
    broadcast: bool
    """Every message goes to each named subscription; cannot be changed later."""


_MS: Final = {
    "lease": "lease_ms",
    "backoff_min": "backoff_min_ms",
    "backoff_max": "backoff_max_ms",
    "dedup_window": "dedup_window_ms",
    "aging": "aging_ms",
}
_PERCENT: Final = {"backoff_factor": "backoff_factor", "jitter": "jitter"}
_SAME: Final = {"max_payload": "max_payload_bytes"}


def settings_of(before: QueueSettings = DEFAULTS, **options: Unpack[QueueOptions]) -> QueueSettings:
    """Return `before` with what `options` say. Raises `BadArgument` for what nobody can say."""
    changed: dict[str, Any] = {}
    for name, given in options.items():
        if name in _MS:
            changed[_MS[name]] = ms_of(given, name)  # type: ignore[arg-type]
        elif name in _PERCENT:
            changed[name] = ms_of(given, name) // 10  # type: ignore[arg-type]
        else:
            changed[_SAME.get(name, name)] = given
    try:
        return replace(before, **changed)
    except TypeError:
        unknown = ", ".join(sorted(set(options) - set(QueueOptions.__annotations__)))
        raise BadArgument(
            f"A queue has no option {unknown}. Choose from: {', '.join(QueueOptions.__annotations__)}."
        ) from None


class MessageOptions(TypedDict, total=False):
    """What may be said with a message."""

    group: str | None
    """Messages of a group are delivered one after the other, in the order in which they were put."""
    key: str | None
    """What decides the shard of a message without group."""
    priority: int | None
    """0 to 9; 9 is served first; default: the queue's."""
    delay: float
    """Not delivered earlier, s; up to 366 days."""
    deliver_at: datetime | float | None
    """Not delivered earlier: a moment with its zone, or seconds since 1970."""
    dedup_id: str | None
    """A second message of the same id within the window is answered with the first one's id."""
    headers: Mapping[str, str] | None


def message_of(payload: bytes, now_ms: int, options: MessageOptions) -> NewMessage:
    """Return the message, home 0. `now_ms`: wall time of the cluster. Raises `BadArgument`, `PayloadTooLarge`."""
    if len(payload) > MAX_PAYLOAD:
        raise rejection_error(payload_too_large(len(payload), MAX_PAYLOAD))
    if not options:
        return NewMessage(payload, None, None, QUEUE_DEFAULT, 0, None, (), 0, None)
    unknown = options.keys() - MessageOptions.__annotations__.keys()
    if unknown:
        raise BadArgument(
            f"A message has no option {', '.join(sorted(unknown))}. "
            f"Choose from: {', '.join(MessageOptions.__annotations__)}."
        )
    priority = options.get("priority")
    if priority == QUEUE_DEFAULT:
        raise BadArgument("Priority -1 is out of range. Choose 0 to 9, or leave it out.")
    message = NewMessage(
        payload,
        options.get("group"),
        options.get("key"),
        QUEUE_DEFAULT if priority is None else priority,
        _delay_ms(options, now_ms),
        options.get("dedup_id"),
        headers_of(options.get("headers")),
        0,
        None,
    )
    try:
        refused = refuse_message(message)
    except (TypeError, AttributeError) as error:
        raise BadArgument(
            f"An option of the message has the wrong type: {error}. See MessageOptions."
        ) from None
    if refused is not None:
        raise rejection_error(refused)
    return message


def headers_of(given: Mapping[str, str] | None) -> tuple[Header, ...]:
    """Return the headers. Raises `BadArgument`."""
    if not given:
        return ()
    if not isinstance(given, Mapping):
        raise BadArgument(f"headers are {str(given)[:40]!r}. Give a mapping of text to text.")
    for name, text in given.items():
        if not isinstance(name, str) or not isinstance(text, str) or not name:
            raise BadArgument(f"Header {name!r:.60} is not text with a name. Write it as text.")
    return tuple(Header(name, text) for name, text in given.items())


def _delay_ms(options: MessageOptions, now_ms: int) -> int:
    at, delay = options.get("deliver_at"), options.get("delay", 0.0)
    if at is None:
        delay_ms = ms_of(delay, "delay")
    elif delay:
        raise BadArgument("A message has a delay or a deliver_at, not both. Leave one out.")
    else:
        delay_ms = max(0, _wall_ms(at) - now_ms)
    return delay_ms


def _wall_ms(at: datetime | float) -> int:
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise BadArgument(
                f"deliver_at {at} has no zone. Give a datetime with one, or seconds since 1970."
            )
        return round(at.timestamp() * 1000)
    if isinstance(at, int | float) and 0 <= at < 1e12:
        return round(at * 1000)
    raise BadArgument(
        f"deliver_at is {str(at)[:40]!r}. Give a datetime with its zone, or seconds since 1970."
    )
