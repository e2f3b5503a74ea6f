"""Errors as callers see them: each with a stable code; what nobody foresaw under an id that is in the log."""

import secrets

import structlog
from graphql import GraphQLError

from api.errors import ApiError, BadTime, InternalError, ReadsAway, TooSlow
from streams.log.ports import LogUnavailable
from streams.projections.reads import ReadsUnavailable, ReadTooSlow, RowsForgotten
from tidelock.client import errors as client

RETRY_MS = 1000
_LOG = structlog.get_logger("tidelock.api")


def present(error: GraphQLError) -> GraphQLError:
    """Return `error` as its caller may see it. Twice is as once."""
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if (error.extensions or {}).get("code"):
        return error
    if cause is None or (isinstance(cause, GraphQLError) and error.path is None):  # a variable's value
        return _located(ApiError(error.message, code="GRAPHQL_INVALID"), error)
    return _located(_translated(cause, error), error)


def _translated(cause: Exception, error: GraphQLError) -> ApiError:
    match cause:
        case ApiError():
            return cause
        case ReadTooSlow() | TimeoutError():
            return TooSlow(str(cause) or "The answer takes longer than it may. Ask for less at a time.")
        case RowsForgotten():
            return BadTime(str(cause), code=cause.code)
        case ReadsUnavailable() | LogUnavailable():
            return ReadsAway(str(cause), code=cause.code, retry_after_ms=RETRY_MS)
        case client.InternalError():
            return _internal(cause, error)
        case client.TidelockError():
            return of_client(cause)
        case _:
            return _internal(cause, error)


def of_client(error: client.TidelockError) -> ApiError:
    """Return what a client of the workers met."""
    retry_ms = None if error.retry_after_s is None else round(error.retry_after_s * 1000)
    if retry_ms is None and isinstance(error, client.ConnectionLost | client.Unavailable):
        retry_ms = RETRY_MS
    return ApiError(str(error), code=error.code, retry_after_ms=retry_ms)


def _internal(cause: Exception, error: GraphQLError) -> ApiError:
    number = secrets.token_hex(8)
    _LOG.error("request failed", id=number, path=error.path, exc_info=cause)
    return InternalError(
        f"Something failed here that should not. Report it with its id, {number}.", id=number
    )


def _located(shown: ApiError, error: GraphQLError) -> GraphQLError:
    return GraphQLError(shown.message, error.nodes, path=error.path, extensions=shown.extensions)
