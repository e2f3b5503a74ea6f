"""Since when each hold and each wait is there, by its token or ticket: how long it lasted is told at its end.

A hold is as long as from the grant to the release or expiry, whatever was renewed or upgraded in between.
"""

from collections.abc import Sequence
from typing import Any, Final

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
from streams.projections.activity.fact import NOTHING, Ended
from streams.projections.table import Changes, Row, Table

LOCK_SINCE: Final = Table("lock_since", ("partition", "token", "since_ms"), key=2, restores=True)
"""One row a hold and one a wait, as long as it is there; `token` is a token or a ticket."""

_ENDS_HOLD: Final = frozenset((LockReleased, LockExpired))
_ENDS_WAIT: Final = frozenset((LockWaitTimedOut, LockWaitWithdrawn, LockWaitAborted))


class LockTimes:
    """One partition."""

    table = LOCK_SINCE

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._since: dict[int, int] = {}
        self._touched: set[int] = set()

    def restore(self, rows: Sequence[Row]) -> None:
        """Take back what stands."""
        self._since = {row[1]: row[2] for row in rows}

    def ended(self, events: Sequence[Any], time_ms: int) -> Ended:
        """Return what the events of a decision brought to its end."""
        if not events:
            return NOTHING
        waits, holds, contended = list[int](), list[int](), 0
        for event in events:
            kind = type(event)
            if kind is LockGranted:
                if event.ticket is not None:
                    self._end(event.ticket, time_ms, waits)
                self._begin(event.token, time_ms)
            elif kind in _ENDS_HOLD:
                self._end(event.token, time_ms, holds)
            elif kind is LockWaitStarted:
                contended += 1
                self._begin(event.ticket, time_ms)
            elif kind is LockUpgraded:
                self._end(event.ticket, time_ms, waits)
                self._begin(event.token, self._gone(event.from_token, time_ms))
            elif kind in _ENDS_WAIT:
                self._end(event.ticket, time_ms, waits)
        return Ended(waits, holds, contended) if waits or holds or contended else NOTHING

    def take(self, changes: Changes) -> None:
        """Put the rows that changed into `changes`."""
        for token in self._touched:
            since = self._since.get(token)
            if since is None:
                changes.delete(LOCK_SINCE, (self._partition, token))
            else:
                changes.upsert(LOCK_SINCE, (self._partition, token, since))
        self._touched.clear()

    def _begin(self, token: int, since_ms: int) -> None:
        self._since[token] = since_ms
        self._touched.add(token)

    def _end(self, token: int | None, time_ms: int, durations: list[int]) -> None:
        if token is not None and token in self._since:
            durations.append(time_ms - self._gone(token, time_ms))

    def _gone(self, token: int, else_ms: int) -> int:
        self._touched.add(token)
        return self._since.pop(token, else_ms)
