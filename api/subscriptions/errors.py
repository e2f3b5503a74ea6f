"""How a subscription ends before its subscriber wants it to. `extensions.code` is stable, `extensions.cursor` resumes.

ApiError
├── BadCursor              CURSOR_INVALID: no cursor of this log, tenant and subscription
├── CursorExpired          the log no longer holds what comes after it
├── CursorAhead            this node has not read so far, and waited long enough
├── TooManyConnections     of this principal
├── TooManySubscriptions   of this connection, this principal, or this process
└── Ended                  it was under way; its `cursor` goes on
    ├── SubscriberTooSlow  it did not take what came
    ├── ServerStopping     this node ends: resume on another
    ├── StateLost          the log does not fit the lock as the read model had it
    ├── ReadsLost          the read models cannot be asked now
    ├── LogHalted          this release cannot read on in a partition
    └── LogAway            the log cannot be read now
"""

from api.errors import ApiError, BadCursor, ReadsAway
from api.http import TOO_MANY_CONNECTIONS

__all__ = [
    "BadCursor", "CursorAhead", "CursorExpired", "Ended", "LogAway", "LogHalted", "ReadsLost",
    "ServerStopping", "StateLost", "SubscriberTooSlow", "TooManyConnections", "TooManySubscriptions",
]  # fmt: skip


class CursorExpired(ApiError):
    """The log no longer holds what comes after the cursor."""

    code = "CURSOR_EXPIRED"


class CursorAhead(ApiError):
    """The cursor is ahead of what this node has read."""

    code = "CURSOR_AHEAD"


class TooManyConnections(ApiError):
    """This principal gets no more."""

    code = TOO_MANY_CONNECTIONS


class TooManySubscriptions(ApiError):
    """This connection, this principal, or this process gets no more."""

    code = "TOO_MANY_SUBSCRIPTIONS"


class Ended(ApiError):
    """A subscription that was under way ends. With no cursor, nothing was sent yet: ask anew."""

    def __init__(self, message: str, cursor: str | None, retry_after_ms: int | None = None) -> None:
        super().__init__(message, cursor=cursor, retry_after_ms=retry_after_ms)
        self.cursor = cursor


class SubscriberTooSlow(Ended):
    """Its queue was full."""

    code = "SUBSCRIBER_TOO_SLOW"


class ServerStopping(Ended):
    """This node ends."""

    code = "SERVER_STOPPING"


class ReadsLost(Ended):
    """The read models cannot be asked now."""

    code = ReadsAway.code


class LogHalted(Ended):
    """A partition holds what this release cannot read."""

    code = "LOG_HALTED"


class LogAway(Ended):
    """The log cannot be read now."""

    code = "LOG_UNAVAILABLE"


class StateLost(Ended):
    """The log does not fit the lock as the read model had it."""

    code = "LOCK_STATE_LOST"
