"""On which terms a lock is asked for; the one place where an acquire is built."""

from typing import TypedDict

from streams.domain.locks.commands import EXCLUSIVE, SHARED, AcquireLock, Transaction
from streams.domain.locks.limits import MAX_WAIT_MS
from streams.domain.value import value
from tidelock.client.errors import BadArgument

LONGEST_S = 1e9


def ms_of(seconds: float, what: str) -> int:
    """Return `seconds` in milliseconds. Raises `BadArgument` if it is no number of seconds.

    What is above 0 is 1 at the least: 0 says "without end" of some times.
    """
    if isinstance(seconds, int | float) and -LONGEST_S < seconds < LONGEST_S:
        return round(seconds * 1000) or int(seconds > 0)
    raise BadArgument(f"{what} is {str(seconds)[:40]!r}. Give a number of seconds.")


class LockOptions(TypedDict, total=False):
    """What may be said when a lock is asked for. Times in seconds."""

    shared: bool
    """Hold it together with other sharers; default: alone."""
    ttl: float
    """Length of the lease, 0.1 to 86,400; renewed after a third of it. Others wait so long if we die."""
    wait: float | None
    """How long to queue for it; None (default): up to a day; 0: only try."""
    priority: int
    """0 (default) to 9; 9 is served first."""
    lock_delay: float
    """If the lease expires (not: is released), nobody gets the lock for so long; default 0."""
    cancel_on_loss: bool
    """Cancel the task that runs the body when the lease is lost (default), and raise `LockLost`."""


@value
class Terms:
    """`LockOptions` with their defaults, and the transaction if there is one."""

    shared: bool = False
    ttl: float = 30.0
    wait: float | None = None
    priority: int = 0
    lock_delay: float = 0.0
    cancel_on_loss: bool = True
    transaction: Transaction | None = None

    def command(self, name: str) -> AcquireLock:
        """Return the acquire of `name` on these terms."""
        return AcquireLock(
            name,
            SHARED if self.shared else EXCLUSIVE,
            ms_of(self.ttl, "ttl"),
            MAX_WAIT_MS if self.wait is None else ms_of(self.wait, "wait"),
            self.priority,
            ms_of(self.lock_delay, "lock_delay"),
            self.transaction,
        )
