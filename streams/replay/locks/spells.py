"""Spells of holding and waiting, each with the decisions that began and ended it. Values only.

A spell of `lock_history` ends with each renewal; here a renewed hold goes on: people ask who held, not by which lease.
A change of mode ends a hold's spell and begins the next; `since` still names the first.
"""

from typing import Literal, TypeAlias

from streams.domain.locks.commands import Mode, Transaction, WaitEdge
from streams.domain.value import value
from streams.replay.causes import Cause

Role: TypeAlias = Literal["HOLDER", "WAITER"]
How: TypeAlias = Literal[
    "RELEASED", "EXPIRED", "UPGRADED", "DOWNGRADED", "GRANTED", "TIMED_OUT", "WITHDRAWN", "ABORTED"
]


@value
class Party:
    """Somebody who holds (`number` is the token) or waits (`number` is the ticket)."""

    role: Role
    number: int
    principal: str
    client: str
    handle: str
    mode: Mode


@value
class Ending:
    """How a spell ended, and by which decision."""

    how: How
    cause: Cause
    became: int | None = None
    """Token of the hold that follows on it: GRANTED, UPGRADED, DOWNGRADED."""
    delay_until: int | None = None
    """EXPIRED: lease time until which nobody is granted."""
    reason: str = ""
    """WITHDRAWN: CANCELLED by its client, SESSION_ENDED, or its share was RELEASED or EXPIRED.

    EXPIRED: why its session ended; '': the lease ran out.
    """
    cycle: tuple[WaitEdge, ...] = ()
    """ABORTED: the deadlock that it broke."""


@value
class Departed:
    """A hold that is over."""

    party: Party
    since_ms: int
    until_lease_ms: int
    ending: Ending


@value
class Spell:
    """One stretch of holding in one mode, or of waiting."""

    party: Party
    sequence: int
    asked: Cause
    """The command that asked for it: of a hold that was waited for, the one that began the wait."""
    began: Cause
    since: Cause
    """Where the hold began, in whatever mode; of a wait, the same as `began`."""
    ttl_ms: int
    until_lease_ms: int
    """When the lease, or the wait, ends by itself."""
    priority: int = 0
    transaction: Transaction | None = None
    upgrade_of: int | None = None
    waited: "Spell | None" = None
    """Of a hold: the wait that it ended."""
    after: Departed | None = None
    """Of a hold: the hold that ended last before it."""
    ahead: tuple[Party, ...] = ()
    """Of a wait: who was in front when it began, holders first; the first few."""
    ahead_count: int = 0
    delay_until: int = 0
    """Of a wait: end of the lock-delay that ran when it began (lease time), or 0."""
    renewals: int = 0
    renewed: Cause | None = None
    ended: Ending | None = None

    @property
    def to_ms(self) -> int | None:
        """When it ended, or None."""
        return None if self.ended is None else self.ended.cause.time_ms

    def lasted_ms(self, now_ms: int) -> int:
        """Return how long it lasted; of one that is open, up to `now_ms`."""
        return (now_ms if self.to_ms is None else self.to_ms) - self.began.time_ms


@value
class Refusal:
    """A command on the lock that was refused, and why."""

    cause: Cause
    code: str
    message: str
