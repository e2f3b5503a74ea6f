"""What a lock answers. Refusals are in `rejections`. All times are lease times. Standard library only."""

from typing import Literal, TypeAlias

from streams.domain.locks.commands import Mode, Transaction
from streams.domain.value import value

LockMode: TypeAlias = Literal["FREE", "EXCLUSIVE", "SHARED"]
WithdrawOutcome: TypeAlias = Literal["NOTHING", "WAIT_ENDED", "RELEASED", "DOWNGRADED"]


@value
class LockHeld:
    """The requester holds the lock: answer to acquire, upgrade and downgrade."""

    token: int
    mode: Mode
    expires_at: int


@value
class LockWaiting:
    """The requester queues; the outcome will be pushed. `position` 1 is next in line."""

    ticket: int
    position: int


@value
class LeaseExtended:
    """Answer to RenewLock: how long the lease runs now."""

    token: int
    expires_at: int


@value
class LockFreed:
    """Answer to ReleaseLock: the requester holds it no longer."""

    token: int


@value
class LockWithdrawn:
    """Answer to WithdrawLock: what there was to undo. After DOWNGRADED the share goes on under `token`."""

    outcome: WithdrawOutcome
    token: int | None


@value
class WaitAborted:
    """Answer to AbortWait. `aborted` is False when the ticket waited no longer."""

    ticket: int
    aborted: bool


@value
class LockSwept:
    """Answer to the timer's Tick. Nobody reads it but the log."""


@value
class LockHolder:
    """One holder, as InspectLock shows it."""

    principal: str
    client: str
    handle: str
    token: int
    mode: Mode
    expires_at: int
    transaction: Transaction | None


@value
class LockWaiter:
    """One waiter, as InspectLock shows it."""

    principal: str
    client: str
    handle: str
    ticket: int
    mode: Mode
    priority: int
    wait_until: int
    upgrade_of: int | None
    transaction: Transaction | None


@value
class LockState:
    """Answer to InspectLock: the first 100 holders (oldest first) and waiters (next first), and totals."""

    mode: LockMode
    holders: tuple[LockHolder, ...]
    waiters: tuple[LockWaiter, ...]
    holder_count: int
    waiter_count: int
    delay_until: int | None


Reply: TypeAlias = (
    LockHeld | LockWaiting | LeaseExtended | LockFreed | LockWithdrawn | WaitAborted | LockSwept | LockState
)
