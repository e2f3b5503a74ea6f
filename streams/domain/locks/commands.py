"""What can be asked of a lock. Field order is the wire order (`schemas/avro/locks`). Standard library only.

Who asks is not in a command: the engine hands the authenticated `Requester` to the decider.
"""

from typing import Literal, TypeAlias

from streams.domain.value import value

Mode: TypeAlias = Literal["EXCLUSIVE", "SHARED"]

EXCLUSIVE: Mode = "EXCLUSIVE"
SHARED: Mode = "SHARED"


@value
class Transaction:
    """The client-made transaction of an acquire. A deadlock takes the youngest: greatest start, then id."""

    id: str
    started_ms: int
    """Wall time of the client at its start. Compared between transactions, never with a clock."""


@value
class WaitEdge:
    """One edge of a deadlock: `transaction` waits on `lock` with `ticket`, behind `blocker`."""

    transaction: str
    """Empty for a wait without one, in whose queue others wait; so is `blocker`."""
    lock: str
    ticket: int
    blocker: str
    """The transaction in the way."""
    blocker_token: int
    """Token of the blocker's grant, or its ticket if it is an earlier incompatible waiter."""


@value
class AcquireLock:
    """Hold the lock, at once or after up to `wait_ms`. A handle that asks again is told what it holds."""

    name: str
    mode: Mode
    ttl_ms: int
    """Length of the lease, counted from the grant: 100 ms to 24 h."""
    wait_ms: int = 0
    """How long to queue, up to 24 h; 0 only tries."""
    priority: int = 0
    """0 to 9; 9 is served first."""
    lock_delay_ms: int = 0
    """If this lease expires (not: is released), nobody is granted for so long, up to 1 h; 0 is off."""
    transaction: Transaction | None = None


@value
class RenewLock:
    """Extend the lease to `ttl_ms` from now. Never shortens it: an answer that a client saw stays true."""

    name: str
    token: int
    ttl_ms: int


@value
class ReleaseLock:
    """Give the lock back."""

    name: str
    token: int


@value
class UpgradeLock:
    """Turn a shared hold into an exclusive one, with a new token, once the other sharers have left."""

    name: str
    token: int
    wait_ms: int = 0


@value
class DowngradeLock:
    """Turn an exclusive hold into a shared one; the token stays."""

    name: str
    token: int


@value
class WithdrawLock:
    """Undo what the requester's command `acquire_sequence` did or may still do. Idempotent."""

    name: str
    acquire_sequence: int
    """Sequence of the AcquireLock or UpgradeLock that the client gave up."""


@value
class AbortWait:
    """The deadlock detector's: end the wait of `ticket`. Nothing happens if that ticket waits no longer."""

    name: str
    ticket: int
    cycle: tuple[WaitEdge, ...]
    """The whole cycle, in order, for the event, the victim and the auditor; at most 256 edges."""


@value
class InspectLock:
    """Read the lock at a point in its log: holders, waiters, tokens, tickets."""

    name: str


Command: TypeAlias = (
    AcquireLock
    | RenewLock
    | ReleaseLock
    | UpgradeLock
    | DowngradeLock
    | WithdrawLock
    | AbortWait
    | InspectLock
)
