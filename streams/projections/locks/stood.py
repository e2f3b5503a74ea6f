"""A lock as it stood between two commits, whole, and how it goes on from there: what live subscribers are shown.

A read model gives the lock at one place; the log gives everything after it. Pure but for the port, whose adapter is
`storage.postgres.stood`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from streams.domain.locks.events import (
    LockExpired,
    LockGranted,
    LockReleased,
    LockUpgraded,
    LockWaitAborted,
    LockWaitStarted,
    LockWaitTimedOut,
    LockWaitWithdrawn,
)
from streams.domain.locks.evolve import evolve
from streams.domain.locks.state import FREE, Lock
from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.wire.messages import SessionEnded, TimerFailed

Since: TypeAlias = Mapping[int, tuple[int, int]]
"""Of each token held and each ticket waiting: offset and event time of its beginning, before all renewals."""


@value
class Stood:
    """A lock, and since when everybody is there."""

    lock: Lock
    since: Since


NOBODY = Stood(FREE, {})


@value
class StoodAt:
    """A lock at a place in its log."""

    next_offset: int
    """Every commit below it is in, none from it on."""
    time_ms: int
    stood: Stood


class StoodLocks(Protocol):
    """Locks as the read model has them."""

    async def stood(self, tenant: str, name: str, where: PartitionId, before: int | None) -> StoodAt:
        """Return the lock as far as it is projected; with `before`, no further than before that offset.

        Of a past one the read model does not tell: a running lock-delay, and who was overtaken so often that it went
        first. Raises `RowsForgotten` of one that is too long ago, `ReadsUnavailable`, `ReadTooSlow`.
        """


def moved(stood: Stood, events: Iterable[Any], offset: int, time_ms: int) -> Stood:
    """Return the lock after the events of one decision. Raises `LookupError` on events of another lock's history."""
    lock, since, now = stood.lock, dict(stood.since), (offset, time_ms)
    for event in events:
        if isinstance(event, SessionEnded | TimerFailed):
            continue
        lock = evolve(lock, event)
        match event:
            case LockGranted():
                since.pop(event.ticket or 0, None)
                since[event.token] = now
            case LockUpgraded():
                since[event.token] = since.pop(event.from_token, now)
                since.pop(event.ticket or 0, None)
            case LockWaitStarted():
                since[event.ticket] = now
            case LockReleased() | LockExpired():
                since.pop(event.token, None)
            case LockWaitTimedOut() | LockWaitWithdrawn() | LockWaitAborted():
                since.pop(event.ticket, None)
            case _:
                pass
    return Stood(lock, since)
