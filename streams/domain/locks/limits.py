"""The bounds of a lock, and the check of a command's arguments against them. Standard library only."""

from typing import Final

from streams.domain.arguments import bad_argument
from streams.domain.decider import Rejected
from streams.domain.locks.commands import EXCLUSIVE, SHARED, AbortWait, AcquireLock

MIN_TTL_MS: Final = 100
MAX_TTL_MS: Final = 86_400_000
MAX_WAIT_MS: Final = 86_400_000
MAX_LOCK_DELAY_MS: Final = 3_600_000
MAX_PRIORITY: Final = 9
MAX_TRANSACTION_ID: Final = 128
MAX_CYCLE: Final = 256
MAX_WAITERS: Final = 1_000
"""An acquire that finds so many is refused; an upgrade never is."""
MAX_SHARERS: Final = 1_000
"""Further sharers wait, as behind an exclusive holder."""
MAX_OVERTAKEN: Final = 16
"""A waiter passed so often by higher priorities is passed no more, so that none starves."""
MAX_EVENTS: Final = 200
"""A decision that has so many events stops; what is left is due at once, and the next Tick goes on."""
MAX_SHOWN: Final = 100
"""Holders and waiters that InspectLock lists, each."""


def refuse_acquire(command: AcquireLock) -> Rejected | None:
    """Return why the arguments are not acceptable, or None."""
    if command.mode not in (EXCLUSIVE, SHARED):
        return bad_argument("mode", "must be EXCLUSIVE or SHARED", command.mode)
    if not 0 <= command.priority <= MAX_PRIORITY:
        return bad_argument(
            "priority", f"must be 0 to {MAX_PRIORITY}, {MAX_PRIORITY} first", command.priority
        )
    if not 0 <= command.lock_delay_ms <= MAX_LOCK_DELAY_MS:
        return bad_argument("lock_delay_ms", f"must be 0 to {MAX_LOCK_DELAY_MS}", command.lock_delay_ms)
    transaction = command.transaction
    if transaction is not None:
        if not 1 <= len(transaction.id) <= MAX_TRANSACTION_ID:
            return bad_argument(
                "transaction.id", f"must have 1 to {MAX_TRANSACTION_ID} characters", transaction.id
            )
        if not transaction.id.isprintable():
            return bad_argument("transaction.id", "must be printable", transaction.id)
        if transaction.started_ms < 0:
            return bad_argument("transaction.started_ms", "must not be negative", transaction.started_ms)
    return refuse_ttl(command.ttl_ms) or refuse_wait(command.wait_ms)


def refuse_ttl(ttl_ms: int) -> Rejected | None:
    """Return why no lease can be so long or short, or None."""
    if MIN_TTL_MS <= ttl_ms <= MAX_TTL_MS:
        return None
    return bad_argument("ttl_ms", f"must be {MIN_TTL_MS} to {MAX_TTL_MS}", ttl_ms)


def refuse_wait(wait_ms: int) -> Rejected | None:
    """Return why nobody can wait so long, or None."""
    if 0 <= wait_ms <= MAX_WAIT_MS:
        return None
    return bad_argument("wait_ms", f"must be 0 (try only) to {MAX_WAIT_MS}", wait_ms)


def refuse_abort(command: AbortWait) -> Rejected | None:
    """Return why the cycle is none that can be logged, or None."""
    if 1 <= len(command.cycle) <= MAX_CYCLE:
        return None
    return bad_argument("cycle", f"must have 1 to {MAX_CYCLE} edges", len(command.cycle))
