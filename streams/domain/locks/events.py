"""What happened to a lock. The key is in the envelope. All times are lease times. Standard library only.

A *token* names a grant, a *ticket* a wait; both are numbers of events, so both only ever rise.
(`principal`, `client`, `handle`) is who holds or waits; `sequence` is the command that asked for it.
"""

from typing import Literal, TypeAlias

from streams.domain.locks.commands import Mode, Transaction, WaitEdge
from streams.domain.value import value

WithdrawCause: TypeAlias = Literal["CANCELLED", "RELEASED", "EXPIRED", "SESSION_ENDED"]


@value
class LockTerms:
    """What few acquires ask for; absent when nothing of it was."""

    lock_delay_ms: int
    transaction: Transaction | None
    session: str
    """Of the node it acts for; '': of none."""


@value
class LockGranted:
    """A lease began. With a ticket it answers a wait; without one it passed every waiter there was."""

    principal: str
    client: str
    handle: str
    sequence: int
    token: int
    mode: Mode
    ttl_ms: int
    expires_at: int
    terms: LockTerms | None
    ticket: int | None


@value
class LockWaitStarted:
    """Somebody queues. `position` 1 is next in line; those from there on moved back by one."""

    principal: str
    client: str
    handle: str
    sequence: int
    ticket: int
    position: int
    mode: Mode
    priority: int
    ttl_ms: int
    wait_until: int
    terms: LockTerms | None
    upgrade_of: int | None
    """Token of the shared hold to be upgraded; None for an acquire."""


@value
class LockRenewed:
    """The lease got longer."""

    token: int
    expires_at: int


@value
class LockReleased:
    """The holder gave its hold back."""

    token: int


@value
class LockExpired:
    """A lease ran out, or ended before its time with its session. Until `delay_until`, if any, nobody is granted."""

    token: int
    delay_until: int | None
    cause: str
    """Why its session ended; '': the lease ran out."""


@value
class LockDelayEnded:
    """The lock-delay is over; nobody was there to be granted."""


@value
class LockUpgraded:
    """The only sharer left became exclusive: `token` replaces `from_token`. With a ticket it ends a wait."""

    principal: str
    client: str
    handle: str
    sequence: int
    from_token: int
    token: int
    expires_at: int
    ticket: int | None


@value
class LockDowngraded:
    """The exclusive holder became a sharer, under the same token."""

    token: int


@value
class LockWaitTimedOut:
    """A wait ended without a grant: its time was over."""

    principal: str
    client: str
    handle: str
    sequence: int
    ticket: int


@value
class LockWaitWithdrawn:
    """A wait ended: cancelled by its client, by the end of its session, or of the share it wanted to upgrade."""

    principal: str
    client: str
    handle: str
    sequence: int
    ticket: int
    cause: WithdrawCause


@value
class LockWaitAborted:
    """A wait ended: it was the victim that breaks the deadlock `cycle`."""

    principal: str
    client: str
    handle: str
    sequence: int
    ticket: int
    cycle: tuple[WaitEdge, ...]


Event: TypeAlias = (
    LockGranted
    | LockWaitStarted
    | LockRenewed
    | LockReleased
    | LockExpired
    | LockDelayEnded
    | LockUpgraded
    | LockDowngraded
    | LockWaitTimedOut
    | LockWaitWithdrawn
    | LockWaitAborted
)
