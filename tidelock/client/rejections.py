"""The one table from the server's codes to this client's errors."""

from typing import Final

from streams.domain.decider import Rejected
from streams.wire.messages import Refused
from tidelock.client import errors
from tidelock.client.pending import Outcome

REJECTIONS: Final[dict[str, type[errors.TidelockError]]] = {
    "ALREADY_WAITING": errors.LockError,
    "BAD_ARGUMENT": errors.BadArgument,
    "BATCH_TOO_LARGE": errors.BatchTooLarge,
    "BAD_NAME": errors.BadArgument,
    "BAD_META": errors.BadArgument,
    "BROADCAST_ONLY": errors.WrongDelivery,
    "DEAD_LETTER_LOOP": errors.DeadLetterLoop,
    "DEADLINE_TOO_FAR": errors.BadArgument,
    "DEADLOCK_VICTIM": errors.Deadlock,
    "EXPIRED": errors.OutcomeUnknown,
    "FORBIDDEN": errors.NotAuthorized,
    "HELD_IN_OTHER_MODE": errors.LockError,
    "INSTANCE_TAKEN": errors.InstanceTaken,
    "INSTANCE_UNKNOWN": errors.InstanceUnknown,
    "INTERNAL": errors.InternalError,
    "LOCK_BUSY": errors.LockBusy,
    "LOCK_CROWDED": errors.LockBusy,
    "NODE_ALIVE": errors.NodeAlive,
    "NODE_FLAPPING": errors.NodeFlapping,
    "NODE_UNKNOWN": errors.NodeUnknown,
    "NOT_BROADCAST": errors.WrongDelivery,
    "NOT_HELD": errors.NotHeld,
    "NOT_YOURS": errors.NotYours,
    "NO_SESSION": errors.NodeError,
    "PAYLOAD_TOO_LARGE": errors.PayloadTooLarge,
    "QUEUE_DELETED": errors.QueueUnknown,
    "QUEUE_EXISTS": errors.QueueExists,
    "QUEUE_FULL": errors.QueueFull,
    "QUEUE_NOT_EMPTY": errors.QueueNotEmpty,
    "QUEUE_UNKNOWN": errors.QueueUnknown,
    "RECEIPT_INVALID": errors.ReceiptInvalid,
    "ROUTE_CHANGED": errors.Unavailable,
    "SERVICE_FULL": errors.ServiceFull,
    "SESSIONS_UNSWEPT": errors.SessionsUnswept,
    "SESSION_ALIVE": errors.NodeError,
    "SESSION_ENDED": errors.SessionEnded,
    "STALE": errors.OutcomeUnknown,
    "STALE_ROUTE": errors.Unavailable,
    "SUBSCRIPTION_UNKNOWN": errors.SubscriptionUnknown,
    "TOO_MANY_SUBSCRIPTIONS": errors.QueueError,
    "TOO_MANY_WAITING": errors.TooManyWaiting,
    "TOO_MANY_WATCHING": errors.TooManyWatching,
    "UPGRADE_CONFLICT": errors.LockError,
    "VERSION_CONFLICT": errors.VersionConflict,
    "WAIT_TIMED_OUT": errors.WaitTimedOut,
    "WATCH_WITHDRAWN": errors.ServiceError,
    "WRONG_TENANT": errors.NotAuthorized,
    "WAIT_WITHDRAWN": errors.WaitWithdrawn,
}
"""Answers. A code that is not here becomes `Rejection`."""

OF_CACHES: Final[dict[str, type[errors.TidelockError]]] = {
    "CACHE_CLOSING": errors.CacheClosing,
    "CACHE_DELETED": errors.CacheUnknown,
    "CACHE_EXISTS": errors.CacheExists,
    "CACHE_FULL": errors.CacheFull,
    "CACHE_REPLACED": errors.CacheUnknown,
    "CACHE_UNKNOWN": errors.CacheUnknown,
    "ENTRY_BUSY": errors.EntryBusy,
    "FILL_LOST": errors.CacheError,
    "LINE_HELD": errors.CacheError,
    "LINE_LOST": errors.LineLost,
    "LISTENER_GONE": errors.CacheError,
    "LISTENING_ALREADY": errors.CacheError,
    "NOT_LISTENING": errors.CacheError,
    "TOO_MANY_FILLS": errors.EntryBusy,
    "TOO_MANY_INVALIDATIONS": errors.EntryBusy,
    "TOO_MANY_LISTENERS": errors.CacheError,
    "TOO_MANY_WAITING": errors.EntryBusy,
    "VALUE_TOO_LARGE": errors.ValueTooLarge,
    "VERSION_CONFLICT": errors.EntryConflict,
    "WAIT_TIMED_OUT": errors.EntryWaitTimedOut,
    "WAIT_WITHDRAWN": errors.EntryBusy,
    "WRITE_THROUGH_ONLY": errors.CacheError,
}
"""Answers of the kind `caches`, before those above: other kinds have some of these codes, too."""

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


def rejection_error(rejected: Rejected, name: str = "", kind: str = "") -> errors.TidelockError:
    """Return the error for an answer that is a refusal; `name` is the resource it is about."""
    of_kind = OF_CACHES if kind == "caches" else REJECTIONS
    cls = of_kind.get(rejected.code) or REJECTIONS.get(rejected.code, errors.Rejection)
    retry_s = None if rejected.retry_after_ms is None else rejected.retry_after_ms / 1000
    error = cls(rejected.message, code=rejected.code, details=rejected.details, retry_after_s=retry_s)
    if isinstance(error, errors.LockError):
        error.name = name or error.detail("lock") or ""
    elif isinstance(error, errors.QueueError):
        error.queue = name or error.detail("queue") or ""
    elif isinstance(error, errors.CacheError):
        error.cache = name or error.detail("cache") or ""
    elif isinstance(error, errors.NodeError):
        error.node = name or error.detail("node") or ""
    elif isinstance(error, errors.ServiceError):
        error.service = name or error.detail("service") or ""
    return error


def refusal_error(refused: Refused) -> errors.TidelockError:
    """Return the error for a refusal that ends a command or a connection."""
    cls = REFUSALS.get(refused.code, errors.ConnectionLost if refused.sequence < 0 else errors.Unavailable)
    return cls(refused.message, code=refused.code)


def problem(outcome: Outcome, name: str, kind: str = "") -> errors.TidelockError:
    """Return the error for an outcome other than the one hoped for; `name` is the resource it is about."""
    if isinstance(outcome, Rejected):
        return rejection_error(outcome, name, kind)
    if isinstance(outcome, errors.TidelockError):
        return outcome
    return errors.ProtocolViolation(
        f"The worker answered {type(outcome).__name__}, which does not fit the command. Report it."
    )
