"""The one table from the server's codes to this client's errors."""

from typing import Final

from streams.domain.decider import Rejected
from streams.wire.messages import Refused
from tidelock.client import errors

REJECTIONS: Final[dict[str, type[errors.TidelockError]]] = {
    "ALREADY_WAITING": errors.LockError,
    "BAD_ARGUMENT": errors.BadArgument,
    "BAD_NAME": errors.BadArgument,
    "BAD_META": errors.BadArgument,
    "DEADLINE_TOO_FAR": errors.BadArgument,
    "DEADLOCK_VICTIM": errors.Deadlock,
    "EXPIRED": errors.OutcomeUnknown,
    "FORBIDDEN": errors.NotAuthorized,
    "HELD_IN_OTHER_MODE": errors.LockError,
    "INTERNAL": errors.InternalError,
    "LOCK_BUSY": errors.LockBusy,
    "LOCK_CROWDED": errors.LockBusy,
    "NOT_HELD": errors.NotHeld,
    "STALE": errors.OutcomeUnknown,
    "UPGRADE_CONFLICT": errors.LockError,
    "WAIT_TIMED_OUT": errors.WaitTimedOut,
    "WRONG_TENANT": errors.NotAuthorized,
    "WAIT_WITHDRAWN": errors.WaitWithdrawn,
}
"""Answers. A code that is not here becomes `Rejection`."""

OF_UNKNOWN_OUTCOME: Final = frozenset({"EXPIRED", "STALE"})
"""Answers that do not say what became of the command. Even one that was sent once may have been executed: the
owner itself may have queued it again, after it lost the acknowledgement of a commit that counts."""

REFUSALS: Final[dict[str, type[errors.TidelockError]]] = {
    "FORBIDDEN": errors.NotAuthorized,
    "COMMAND_TOO_LARGE": errors.BadArgument,
    "MALFORMED_FRAME": errors.ProtocolViolation,
    "FRAME_TOO_LARGE": errors.BadArgument,
    "UNAUTHENTICATED": errors.NotAuthenticated,
    "UNKNOWN_COMMAND": errors.BadArgument,
    "UNKNOWN_KIND": errors.BadArgument,
    "PROTOCOL": errors.ProtocolViolation,
}
"""Refusals that another attempt would meet again. Every other code is tried again until the deadline."""


def rejection_error(rejected: Rejected, name: str = "") -> errors.TidelockError:
    """Return the error for an answer that is a refusal; `name` is the lock it is about."""
    cls = REJECTIONS.get(rejected.code, errors.Rejection)
    retry_s = None if rejected.retry_after_ms is None else rejected.retry_after_ms / 1000
    error = cls(rejected.message, code=rejected.code, details=rejected.details, retry_after_s=retry_s)
    if isinstance(error, errors.LockError):
        error.name = name or error.detail("lock") or ""
    return error


def refusal_error(refused: Refused) -> errors.TidelockError:
    """Return the error for a refusal that ends a command or a connection."""
    cls = REFUSALS.get(refused.code, errors.ConnectionLost if refused.sequence < 0 else errors.Unavailable)
    return cls(refused.message, code=refused.code)
