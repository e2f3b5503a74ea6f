"""What each event changes in the rows: which spells end and begin, what a window counts.

The events fit the lock: `LocksFold` made sure before.
"""

from collections.abc import Callable
from typing import Any

from streams.domain.locks.events import (
    LockDowngraded,
    LockExpired,
    LockGranted,
    LockReleased,
    LockRenewed,
    LockUpgraded,
    LockWaitAborted,
    LockWaitStarted,
    LockWaitTimedOut,
    LockWaitWithdrawn,
)
from streams.projections.locks import terms
from streams.projections.locks.documents import edge_document, encode_documents
from streams.projections.locks.spells import (
    FROM_EVENT,
    HOLDER,
    KEYFRAME_EVERY,
    TERMS,
    TOKEN,
    TRANSACTION,
    WAITER,
    Ending,
    Role,
    Spell,
    SpellBook,
)
from streams.projections.locks.standing import Standing
from streams.projections.locks.tables import DEADLOCKS, LOCK_WINDOWS
from streams.projections.locks.windows import LockCounts
from streams.projections.table import Changes, Row
from streams.projections.windows import Standing as Stands
from streams.projections.windows import Windows


class Changing:
    """The changes of one partition since they were last taken, all but those of the locks' own rows."""

    def __init__(self, partition: int, standing: Stands) -> None:
        self.windows = Windows(partition, LOCK_WINDOWS, LockCounts, standing)
        self._partition = partition
        self._book = SpellBook()
        self._deadlocks: list[Row] = []
        self._offset = 0
        self._time_ms = 0
        self._number = 0
        self._apply: dict[type, Callable[[Standing, Any], None]] = {
            LockGranted: self._granted,
            LockReleased: self._released,
            LockRenewed: self._renewed,
            LockWaitStarted: self._wait_started,
            LockExpired: self._expired,
            LockUpgraded: self._upgraded,
            LockDowngraded: self._downgraded,
            LockWaitTimedOut: self._timed_out,
            LockWaitWithdrawn: self._withdrawn,
            LockWaitAborted: self._aborted,
        }

    def reach(self, offset: int, time_ms: int) -> None:
        """Move on to a commit."""
        self._offset, self._time_ms = offset, time_ms
        self.windows.reach(offset, time_ms)

    def apply(self, standing: Standing, event: object, number: int) -> None:
        """Note down what `event`, by its number, changes. Events that begin and end no spell change nothing."""
        apply = self._apply.get(type(event))
        if apply is not None:
            self._number = number
            apply(standing, event)

    def take(self) -> Changes:
        """Return what changed since the last call."""
        changes = Changes()
        self._book.take(changes)
        self.windows.take(changes)
        for row in self._deadlocks:
            changes.insert(DEADLOCKS, row)
        self._deadlocks = []
        return changes

    def _granted(self, standing: Standing, e: LockGranted) -> None:
        if e.ticket is not None:
            self._end_wait(standing, e.ticket, "GRANTED")
        self._begin(standing, HOLDER, terms.granted(e))
        self._count(standing, "grants")

    def _wait_started(self, standing: Standing, e: LockWaitStarted) -> None:
        self._begin(standing, WAITER, terms.waiting(e))
        self._count(standing, "contended")

    def _released(self, standing: Standing, e: LockReleased) -> None:
        self._end_hold(standing, e.token, "RELEASED")
        self._count(standing, "released")

    def _expired(self, standing: Standing, e: LockExpired) -> None:
        self._end_hold(standing, e.token, "EXPIRED")
        self._count(standing, "expired")

    def _renewed(self, standing: Standing, e: LockRenewed) -> None:
        old = self._end(standing, e.token, "RENEWED")
        self._begin(standing, HOLDER, terms.renewed(old.begun[TERMS], e), old)
        self._count(standing, "renewed")

    def _downgraded(self, standing: Standing, e: LockDowngraded) -> None:
        old = self._end(standing, e.token, "DOWNGRADED")
        self._begin(standing, HOLDER, terms.downgraded(old.begun[TERMS]), old)

    def _upgraded(self, standing: Standing, e: LockUpgraded) -> None:
        if e.ticket is not None:
            self._end_wait(standing, e.ticket, "GRANTED")
        old = self._end(standing, e.from_token, "UPGRADED")
        self._begin(standing, HOLDER, terms.upgraded(old.begun[TERMS], e), old)
        self._count(standing, "grants")

    def _timed_out(self, standing: Standing, e: LockWaitTimedOut) -> None:
        self._end_wait(standing, e.ticket, "TIMED_OUT")
        self._count(standing, "timed_out", "refusals")

    def _withdrawn(self, standing: Standing, e: LockWaitWithdrawn) -> None:
        self._end_wait(standing, e.ticket, "WITHDRAWN")

    def _aborted(self, standing: Standing, e: LockWaitAborted) -> None:
        victim = self._end_wait(standing, e.ticket, "ABORTED")
        self._count(standing, "deadlocks", "refusals")
        self._deadlocks.append((
            self._partition, self._number, standing.tenant, standing.name, e.ticket, victim.begun[TRANSACTION],
            e.principal, e.client, e.handle, e.sequence,
            encode_documents([edge_document(edge) for edge in e.cycle]), self._offset, self._time_ms,
        ))  # fmt: skip

    def _count(self, standing: Standing, *what: str) -> None:
        numbers = self.windows.of(standing.tenant).numbers
        for each in what:
            numbers[each] += 1

    def _begin(self, standing: Standing, role: Role, asked: Row, before: Spell | None = None) -> None:
        """Begin a spell; of a hold that goes on otherwise, `before` is the one it had."""
        standing.spell = place = standing.spell + 1
        keyframe = None
        if place % KEYFRAME_EVERY == 0:
            open_now = [spell.begun[FROM_EVENT] for spell in standing.spells.values()]
            keyframe = (*sorted(open_now), self._number)
        begun = (
            self._partition, self._number, standing.tenant, standing.name, role,
            *asked,
            self._offset, self._time_ms, place, keyframe,
        )  # fmt: skip
        if before is None:
            spell = Spell(begun, self._offset, self._time_ms)
        else:
            spell = Spell(begun, before.since_offset, before.since_ms)
        standing.spells[begun[TOKEN]] = spell
        self._book.begin(spell)

    def _end(self, standing: Standing, token: int, how: Ending) -> Spell:
        spell = standing.spells.pop(token)
        self._book.end(spell, self._number, self._offset, self._time_ms, how)
        return spell

    def _end_hold(self, standing: Standing, token: int, how: Ending) -> None:
        spell = self._end(standing, token, how)
        self.windows.of(standing.tenant).lasted("holds", self._time_ms - spell.since_ms)

    def _end_wait(self, standing: Standing, ticket: int, how: Ending) -> Spell:
        spell = self._end(standing, ticket, how)
        self.windows.of(standing.tenant).lasted("waits", self._time_ms - spell.since_ms)
        return spell
