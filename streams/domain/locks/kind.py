"""The kind `locks`, as the catalogue lists it. Standard library only."""

from operator import attrgetter
from typing import Final

from streams.domain.kind import CommandSpec, KindSpec
from streams.domain.locks import commands, decider, events, replies
from streams.domain.locks.sessions import sessions_of

LOCKS: Final = KindSpec(
    name="locks",
    decider=decider,
    commands=(
        CommandSpec(commands.AcquireLock),
        CommandSpec(commands.RenewLock),
        CommandSpec(commands.ReleaseLock),
        CommandSpec(commands.UpgradeLock),
        CommandSpec(commands.DowngradeLock),
        CommandSpec(commands.WithdrawLock),
        CommandSpec(commands.AbortWait, roles=("SYSTEM",)),
        CommandSpec(commands.InspectLock, deduplicated=False),
    ),
    events=(
        events.LockGranted,
        events.LockWaitStarted,
        events.LockRenewed,
        events.LockReleased,
        events.LockExpired,
        events.LockDelayEnded,
        events.LockUpgraded,
        events.LockDowngraded,
        events.LockWaitTimedOut,
        events.LockWaitWithdrawn,
        events.LockWaitAborted,
    ),
    replies=(
        replies.LockHeld,
        replies.LockWaiting,
        replies.LeaseExtended,
        replies.LockFreed,
        replies.LockWithdrawn,
        replies.WaitAborted,
        replies.LockSwept,
        replies.LockState,
    ),
    key_of=attrgetter("name"),
    sessions_of=sessions_of,
)
