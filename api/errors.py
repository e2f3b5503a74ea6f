"""Everything the API refuses, as `errors[].extensions.code`. What a mutation may expect is data instead: `Refusal`.

ApiError
├── BadRequest             GRAPHQL_INVALID, REQUEST_TOO_LARGE, ...: the request itself
├── NotAuthenticated       no token, or one that nobody knows
├── BadArgument            a value out of its range
│   ├── BadPosition        no position, of another partition, or beyond the log
│   ├── BadTime            no time, one that is still to come, or so long ago that only the log tells of it
│   ├── BadCursor          a cursor that this API never gave
│   └── BadPage            `first` is missing or above the limit
├── ProjectionBehind       the read model has not got there yet: try again
├── ReadsAway              the read models cannot be asked now: try again
├── TooSlow                the answer took longer than one may
└── InternalError          a defect; its `id` is in the log
"""

from typing import Any

from graphql import GraphQLError


class ApiError(GraphQLError):
    """Root of the tree. `code` is stable; the message ends with the cure."""

    code = "API_ERROR"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        retry_after_ms: int | None = None,
        **details: Any,
    ) -> None:
        extensions: dict[str, Any] = {"code": code or self.code, **details}
        if retry_after_ms is not None:
            extensions["retryAfterMs"] = retry_after_ms
        super().__init__(message, extensions=extensions)


class BadRequest(ApiError):
    """The request cannot be run at all."""

    code = "BAD_REQUEST"


class NotAuthenticated(ApiError):
    """No token, or one that nobody knows."""

    code = "UNAUTHENTICATED"


class BadArgument(ApiError):
    """A value is out of its range."""

    code = "BAD_ARGUMENT"


class BadPosition(BadArgument):
    """No position, or not one that this question can be asked for."""

    code = "POSITION_INVALID"


class BadTime(BadArgument):
    """No time, one that is still to come, or one so long ago that only the log tells of it."""

    code = "TIME_INVALID"


class BadCursor(BadArgument):
    """A cursor that this API never gave, or not for this question."""

    code = "CURSOR_INVALID"


class BadPage(BadArgument):
    """`first` is out of its range."""

    code = "PAGE_SIZE"


class ProjectionBehind(ApiError):
    """The read model has not got there yet."""

    code = "PROJECTION_BEHIND"


class ReadsAway(ApiError):
    """The read models cannot be asked now."""

    code = "READS_UNAVAILABLE"


class TooSlow(ApiError):
    """The answer took longer than one may."""

    code = "TIMEOUT"


class InternalError(ApiError):
    """A defect. Its `id` is in the log, with all that the answer does not tell."""

    code = "INTERNAL"
