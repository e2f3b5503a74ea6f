"""Errors that are of no kind of resource."""

from streams.log.positions import Position


class TidelockError(Exception):
    """Root of the tree. `code` is stable; `details` are (name, value) pairs from the server."""

    code: str = "TIDELOCK_ERROR"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: tuple[tuple[str, str], ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.details = details
        self.retry_after_s = retry_after_s
        self.position: Position | None = None
        """The commit that refused it, if one did."""

    def detail(self, name: str) -> str | None:
        """Return the first detail called `name`."""
        return next((value for key, value in self.details if key == name), None)


class BadArgument(TidelockError, ValueError):
    """A name, time or number is out of its range; nothing was sent, or it was refused unexecuted."""

    code = "BAD_ARGUMENT"

    @property
    def field(self) -> str | None:
        """Which argument, if the server says so."""
        return self.detail("field")


class PayloadTooLarge(BadArgument):
    """The payload is larger than the queue takes. Put it elsewhere and enqueue a reference."""

    code = "PAYLOAD_TOO_LARGE"

    @property
    def limit(self) -> int | None:
        """Bytes that the queue takes."""
        limit = self.detail("limit")
        return None if limit is None else int(limit)


class BatchTooLarge(BadArgument):
    """One command would carry too much: at most 500 messages and 400 KiB."""

    code = "BATCH_TOO_LARGE"


class DeadLetterLoop(BadArgument):
    """A queue cannot be its own dead-letter queue."""

    code = "DEAD_LETTER_LOOP"


class WrongDelivery(BadArgument):
    """A broadcast queue is read by subscription, any other without."""

    code = "WRONG_DELIVERY"


class ParameterUnhashable(BadArgument):
    """A parameter of a cached query has no digest that is the same everywhere. Give plain values, or ignore it."""

    code = "PARAMETER_UNHASHABLE"


class ClientClosed(TidelockError):
    """The client was closed before or meanwhile. Open another one."""

    code = "CLIENT_CLOSED"


class ConnectionLost(TidelockError):
    """No worker can be reached; nothing was decided. Check the addresses and that a worker runs."""

    code = "CONNECTION_LOST"


class ProtocolViolation(ConnectionLost):
    """The server's bytes make no sense: it is no Tidelock worker, or of an incompatible release."""

    code = "PROTOCOL_VIOLATION"


class NotAuthenticated(TidelockError):
    """The server does not accept the token."""

    code = "UNAUTHENTICATED"


class NotAuthorized(TidelockError):
    """The token is good, but its principal may not do this."""

    code = "FORBIDDEN"


class Unavailable(TidelockError):
    """The partition's owner kept refusing until the deadline; nothing was decided: ask again."""

    code = "UNAVAILABLE"


class Overloaded(Unavailable):
    """The owner's queue was full until the deadline; nothing was decided. Slow down, or add workers."""

    code = "OVERLOADED"


class OutcomeUnknown(TidelockError):
    """The deadline passed without an answer that says what became of the command: it may have been executed.

    Look at the resource, or act on it under a fencing token. A lock that was acquired so is not renewed
    and expires by itself.
    """

    code = "OUTCOME_UNKNOWN"


class Rejection(TidelockError):
    """Any other refusal by the server; see `code` and `details`."""

    code = "REJECTED"


class InternalError(Rejection):
    """The server's code failed on this command; nothing was changed. Report it with `details`."""

    code = "INTERNAL"
