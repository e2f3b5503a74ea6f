"""What a queue, and a message, is made of."""

from collections import Counter
from typing import Any, Final, cast

import strawberry

from api.payloads import bytes_of
from api.types.queues import Overflow
from api.types.scalars import DateTime, Long
from tidelock.client.errors import BadArgument
from tidelock.client.queues.terms import MessageOptions, QueueOptions

_SECONDS: Final = ("lease", "backoff_min", "backoff_max", "dedup_window", "aging")
_HUNDREDS: Final = ("backoff_factor", "jitter")
_SAME: Final = ("max_attempts", "max_depth", "max_bytes", "default_priority", "paused", "broadcast")


@strawberry.input(
    description="How a queue behaves: what is left out is as before, or the default. Bounds are those of one shard."
)
class QueueSettingsInput:
    """What createQueue and configureQueue set."""

    max_attempts: int | None = strawberry.field(
        default=None, description="Deliveries of one message before it is a dead letter; default 5."
    )
    lease_ms: int | None = strawberry.field(
        default=None, description="How long a consumer may keep a message; 30 s."
    )
    backoff_min_ms: int | None = strawberry.field(
        default=None, description="Pause before the second attempt; 1 s."
    )
    backoff_max_ms: int | None = strawberry.field(default=None, description="10 min.")
    backoff_factor: int | None = strawberry.field(
        default=None, description="Percent: 200, the default, doubles the pause with every attempt."
    )
    jitter: int | None = strawberry.field(default=None, description="Percent of the pause; 20.")
    dead_letter_queue: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Where dead letters are moved; null, the default: they stay, as dead.",
    )
    dedup_window_ms: int | None = strawberry.field(
        default=None, description="How long a dedupId is known; 5 min; 0: not at all."
    )
    max_depth: int | None = strawberry.field(default=None, description="Messages; a million.")
    max_bytes: Long | None = strawberry.field(default=None, description="Bytes of payload; 1 GiB.")
    overflow: Overflow | None = None
    max_payload_bytes: int | None = strawberry.field(
        default=None, description="At most, and by default, 128 KiB."
    )
    default_priority: int | None = strawberry.field(default=None, description="0 to 9; 9 is served first; 4.")
    aging_ms: Long | None = strawberry.field(
        default=None, description="Ready for so long counts as one priority higher; 0, the default: never."
    )
    paused: bool | None = None
    broadcast: bool | None = strawberry.field(
        default=None, description="Every message goes to each subscription; cannot be changed later."
    )

    def options(self) -> QueueOptions:
        """Return what was given, as the client takes it."""
        given: dict[str, Any] = {name: getattr(self, name) for name in _SAME}
        given |= {name: _part(getattr(self, f"{name}_ms"), 1000) for name in _SECONDS}
        given |= {name: _part(getattr(self, name), 100) for name in _HUNDREDS}
        given["max_payload"] = self.max_payload_bytes
        given["overflow"] = None if self.overflow is None else self.overflow.value
        options = {name: one for name, one in given.items() if one is not None}
        if self.dead_letter_queue is not strawberry.UNSET:
            options["dead_letter_queue"] = self.dead_letter_queue
        return cast("QueueOptions", options)


def _part(given: int | None, whole: int) -> float | None:
    return None if given is None else given / whole


@strawberry.input(description="A word that travels with a message.")
class HeaderInput:
    """A header."""

    name: str
    value: str


@strawberry.input(description="A message: `text`, or `base64` of what is no text; up to 128 KiB.")
class MessageInput:
    """What is enqueued."""

    text: str | None = None
    base64: str | None = None
    group: str | None = strawberry.field(
        default=None, description="Those of a group are delivered one after the other, in order."
    )
    key: str | None = strawberry.field(
        default=None, description="What decides the shard of a message without group."
    )
    priority: int | None = strawberry.field(default=None, description="0 to 9; default: the queue's.")
    delay_ms: Long | None = strawberry.field(
        default=None, description="Not delivered earlier; up to 366 days."
    )
    deliver_at_ms: DateTime | None = strawberry.field(
        default=None, name="deliverAt", description="Not delivered earlier."
    )
    dedup_id: str | None = strawberry.field(
        default=None,
        description="A second one within the queue's window is answered with the first one's id.",
    )
    headers: list[HeaderInput] = strawberry.field(default_factory=list, description="Each name once.")

    def payload(self) -> bytes:
        """Return what is in it. Raises `BadArgument`."""
        return bytes_of(self.text, self.base64, "A message")

    def options(self) -> MessageOptions:
        """Return what else was said, as the client takes it. Raises `BadArgument`."""
        options = MessageOptions(
            group=self.group,
            key=self.key,
            priority=self.priority,
            delay=(self.delay_ms or 0) / 1000,
            dedup_id=self.dedup_id,
            headers=self._headers(),
        )
        if self.deliver_at_ms is not None:
            options["deliver_at"] = self.deliver_at_ms / 1000
        return options

    def _headers(self) -> dict[str, str]:
        for name, times in Counter([one.name for one in self.headers]).most_common(1):
            if times > 1:
                raise BadArgument(f"Header {name!r:.60} is given {times} times. Give each name once.")
        return {one.name: one.value for one in self.headers}
