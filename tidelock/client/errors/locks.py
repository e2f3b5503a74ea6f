"""Errors about one lock."""

from tidelock.client.errors.base import TidelockError


class LockError(TidelockError):
    """Something about one lock; `name` says which."""

    name: str = ""


class LockBusy(LockError):
    """Somebody else holds the lock (or waits for it, or its lock-delay runs), and we did not want to wait."""

    code = "LOCK_BUSY"


class WaitTimedOut(LockError, TimeoutError):
    """Nobody gave the lock up in time."""

    code = "WAIT_TIMED_OUT"


class WaitWithdrawn(LockError):
    """The wait was ended: cancelled elsewhere, or the share that it wanted to upgrade went away."""

    code = "WAIT_WITHDRAWN"


class Deadlock(LockError):
    """This transaction is the youngest of a cycle of waits and was chosen to give way.

    Release all its locks and run it again under the same start stamp, so that it grows older:
    `client.transaction(started_ms=tx.started_ms)`.
    """

    code = "DEADLOCK_VICTIM"

    @property
    def cycle(self) -> tuple[str, ...]:
        """Who waited for whom, edge by edge."""
        return tuple(value for name, value in self.details if name == "edge")


class NotHeld(LockError):
    """The token holds nothing (any more): the lease expired, or it was released."""

    code = "NOT_HELD"


class LockLost(LockError):
    """The lease can no longer be trusted, although the caller did not release.

    Somebody else may hold the lock. What was written under its token is safe only where the resource checks
    fencing tokens.
    """

    code = "LOCK_LOST"
