"""Which of the client's errors are answers, and which are not."""

from typing import cast

from api.types.results import Detail, Refusal
from api.types.scalars import Position
from tidelock.client.errors import (
    BadArgument,
    CacheError,
    InternalError,
    LockError,
    NodeError,
    NotAuthorized,
    QueueError,
    Rejection,
    ServiceError,
    TidelockError,
)

EXPECTED = (BadArgument, CacheError, LockError, NodeError, NotAuthorized, QueueError, Rejection, ServiceError)


def refused(code: str, message: str) -> Refusal:
    """Return the refusal of what no worker was asked."""
    return Refusal(code=code, message=message, retry_after_ms=None, details=[], position=None)


def refusal_of(error: TidelockError) -> Refusal:
    """Return the refusal that `error` is. Raises `error` if it is none: nobody knows what became of the command."""
    if not isinstance(error, EXPECTED) or isinstance(error, InternalError):
        raise error
    retry_ms = None if error.retry_after_s is None else round(error.retry_after_s * 1000)
    details = [Detail(name=name, value=value) for name, value in error.details]
    return Refusal(
        code=error.code,
        message=str(error),
        retry_after_ms=retry_ms,
        details=details,
        position=cast("Position | None", error.position),
    )
