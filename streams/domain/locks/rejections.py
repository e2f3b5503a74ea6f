"""Why a lock refuses. `code` is stable; the message says what happened, to what, and the cure.

    BAD_ARGUMENT         an argument is out of bounds; `field` says which
    LOCK_BUSY            a try (or an upgrade without wait) found it taken
    LOCK_CROWDED         too many waiters
    NOT_HELD             the token is not a lease of this handle (any more)
    HELD_IN_OTHER_MODE   acquire by a handle that holds it in the other mode
    ALREADY_WAITING      acquire or upgrade by a handle that waits here already
    UPGRADE_CONFLICT     another sharer waits for its upgrade: both would wait for ever
    WAIT_TIMED_OUT       the wait is over: its time
    WAIT_WITHDRAWN       the wait is over: its client cancelled it
    DEADLOCK_VICTIM      the wait is over: it was the youngest of a deadlock

Standard library only.
"""

from streams.domain.decider import Rejected
from streams.domain.locks.commands import Mode, WaitEdge

ANONYMOUS = "somebody"
"""Who waits without a transaction, in the circle of others."""


def lock_busy(name: str, held: str, retry_after_ms: int | None) -> Rejected:
    """The lock cannot be had now. `held` says by what it is taken."""
    message = f"lock {name!r} is {held}; ask with wait_ms > 0 to queue for it, or try again later"
    return Rejected("LOCK_BUSY", message, (("lock", name),), retry_after_ms)


def lock_crowded(name: str, waiters: int) -> Rejected:
    """The queue is full."""
    message = (
        f"lock {name!r} has {waiters} waiters already; try again later, or spread the work over more locks"
    )
    return Rejected("LOCK_CROWDED", message, (("lock", name), ("waiters", str(waiters))))


def not_held(name: str, token: int) -> Rejected:
    """The token is not, or no longer, the requester's."""
    message = (
        f"token {token} is not a lease of this handle on lock {name!r}: it was released, expired or "
        "replaced, or is another handle's; stop using what it protects and acquire again"
    )
    return Rejected("NOT_HELD", message, (("lock", name), ("token", str(token))))


def held_in_other_mode(name: str, mode: Mode, token: int) -> Rejected:
    """The handle holds the lock already, in `mode`, which is not the one it asks for."""
    cure = "downgrade it (DowngradeLock)" if mode == "EXCLUSIVE" else "upgrade it (UpgradeLock)"
    message = f"this handle holds lock {name!r} in mode {mode}; {cure}, or acquire by another handle"
    return Rejected("HELD_IN_OTHER_MODE", message, (("lock", name), ("mode", mode), ("token", str(token))))


def already_waiting(name: str, ticket: int, sequence: int) -> Rejected:
    """The handle waits here already, by its command `sequence`."""
    message = (
        f"this handle waits for lock {name!r} already, since its command {sequence}; await that answer, "
        f"withdraw it (WithdrawLock), or ask by another handle"
    )
    return Rejected(
        "ALREADY_WAITING", message, (("lock", name), ("ticket", str(ticket)), ("sequence", str(sequence)))
    )


def upgrade_conflict(name: str, ticket: int) -> Rejected:
    """Another sharer waits for its upgrade, and waits for the requester to leave."""
    message = (
        f"another sharer of lock {name!r} waits for its upgrade, which needs this share to go: "
        "release it and acquire EXCLUSIVE"
    )
    return Rejected("UPGRADE_CONFLICT", message, (("lock", name), ("ticket", str(ticket))))


def wait_timed_out(ticket: int) -> Rejected:
    """The wait is over without a grant."""
    message = "the lock was not granted within wait_ms; ask again, with a longer wait or a higher priority"
    return Rejected("WAIT_TIMED_OUT", message, (("ticket", str(ticket)),))


def wait_withdrawn(ticket: int) -> Rejected:
    """The client gave up its wait."""
    message = "the client withdrew this wait; ask again to queue anew, at the end"
    return Rejected("WAIT_WITHDRAWN", message, (("ticket", str(ticket)),))


def share_lost(ticket: int, cause: str) -> Rejected:
    """The share that was to be upgraded went away while the upgrade waited."""
    message = f"the share to be upgraded was {cause.lower()} while the upgrade waited; acquire EXCLUSIVE"
    return Rejected("NOT_HELD", message, (("ticket", str(ticket)), ("cause", cause)))


def deadlock_victim(ticket: int, cycle: tuple[WaitEdge, ...]) -> Rejected:
    """The wait was ended to break a deadlock; `edge` details tell who waited for whom, in order."""
    path = (
        "".join(f"{edge.transaction or ANONYMOUS} -[{edge.lock}]-> " for edge in cycle) + cycle[0].transaction
    )
    message = (
        f"deadlock: {path}; this is the youngest transaction: release all its locks and run it again, "
        "keeping its start stamp"
    )
    edges = tuple(
        ("edge", f"{e.transaction or ANONYMOUS} waits on {e.lock} for {e.blocker or ANONYMOUS}")
        for e in cycle
    )
    return Rejected("DEADLOCK_VICTIM", message, (("ticket", str(ticket)), ("cycle", path), *edges))
