"""The fold behind `locks`, `lock_waiters`, `lock_history`, `deadlocks` and `lock_windows`.

A decision's events go through the domain's own `evolve` first, which changes nothing here and refuses what does not
fit; only then are its spells begun and ended. So a decision is folded wholly or not at all.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from schemas.catalogue import HEADER
from streams.domain.decider import GENERATION_SHIFT, Rejected
from streams.domain.locks.commands import EXCLUSIVE, SHARED
from streams.domain.locks.events import (
    LockDelayEnded,
    LockDowngraded,
    LockExpired,
    LockGranted,
    LockReleased,
    LockRenewed,
    LockTerms,
    LockUpgraded,
    LockWaitAborted,
    LockWaitStarted,
    LockWaitTimedOut,
    LockWaitWithdrawn,
)
from streams.domain.locks.evolve import evolve
from streams.domain.locks.state import FREE, Lock
from streams.log.accepted import AcceptedCommit, Decided
from streams.log.positions import PartitionId
from streams.log.vocabulary import ENGINE_EVENTS, Vocabulary
from streams.projections.locks.documents import edge_document, encode_documents
from streams.projections.locks.spells import HOLDER, KEYFRAME_EVERY, TERMS, WAITER, Ending, Spell, SpellBook
from streams.projections.locks.standing import Standing, restored
from streams.projections.locks.tables import DEADLOCKS, LOCK_HISTORY, LOCK_WINDOWS, LOCKS
from streams.projections.locks.windows import Windows
from streams.projections.projection import PoisonDecision
from streams.projections.table import Changes, Row, Table

_ASKING = ("AcquireLock", "UpgradeLock")
_NUMBER = (1 << GENERATION_SHIFT) - 1
_NO_TERMS: Row = (0, None, None)


class LocksFold:
    """One partition of the read model `locks`."""

    def __init__(self, where: PartitionId, vocabulary: Vocabulary) -> None:
        self._partition = where.partition
        self._rejected = vocabulary.encode_reply(Rejected("", ""))[:HEADER]
        self._restoring: dict[Table, list[Row]] = {}
        self._locks: dict[str, Standing] = {}
        self._touched: dict[str, Standing] = {}
        self._book = SpellBook()
        self._windows = Windows(where.partition)
        self._deadlocks: list[Row] = []
        self._offset = 0
        self._time_ms = 0
        self._apply: dict[type, Callable[[Standing, Any, int], None]] = {
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
            LockDelayEnded: self._delay_ended,
        }

    def restore(self, table: Table, rows: Iterable[Row]) -> None:
        """Take back what stands, from `LOCKS`, `LOCK_HISTORY` and `LOCK_WINDOWS`, in any order."""
        if table is LOCK_WINDOWS:
            for row in rows:
                self._windows.restore(row)
        elif table in (LOCKS, LOCK_HISTORY):
            self._restoring.setdefault(table, []).extend(rows)

    def commit(self, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
        """Fold one accepted commit but for the decisions `without`. Raises `PoisonDecision`."""
        if self._restoring:
            self._locks, self._restoring = restored(self._restoring), {}
        self._offset, self._time_ms = accepted.offset, accepted.time_ms
        self._windows.reach(accepted.offset, accepted.time_ms)
        for decided in accepted.decided:
            if decided.index in without:
                continue
            if decided.events:
                self._decided(accepted, decided)
            elif decided.decision.reply[:HEADER] == self._rejected and decided.decision.command in _ASKING:
                self._refused(decided)

    def take(self) -> Changes:
        """Return what changed since the last call."""
        changes = Changes()
        self._book.take(changes)
        self._windows.take(changes)
        for row in self._deadlocks:
            changes.insert(DEADLOCKS, row)
        for key, standing in self._touched.items():
            self._take_lock(changes, key, standing)
        self._touched, self._deadlocks = {}, []
        return changes

    def _take_lock(self, changes: Changes, key: str, standing: Standing) -> None:
        if standing.lock is FREE:
            del self._locks[key]
            if standing.stored:
                changes.delete(LOCKS, (self._partition, standing.tenant, standing.name))
            return
        put = changes.upsert if standing.stored else changes.insert
        put(LOCKS, standing.row(self._partition))
        standing.stored = True

    def _refused(self, decided: Decided) -> None:
        tenant, slash, _ = decided.decision.key.partition("/")
        if slash:
            self._windows.of(tenant).refusals += 1

    def _decided(self, accepted: AcceptedCommit, decided: Decided) -> None:
        key, number = decided.decision.key, decided.number
        standing = self._locks.get(key)
        try:
            after = _after(FREE if standing is None else standing.lock, decided)
        except LookupError as error:
            raise PoisonDecision(accepted, decided.index, error) from error
        if after is None:
            return
        if standing is None:
            tenant, _, name = key.partition("/")
            standing = self._locks[key] = Standing(tenant, name)
        if standing.lock is FREE:
            standing.spell, standing.since_ms = 0, self._time_ms
        for event in decided.events:
            apply = self._apply.get(type(event))
            if apply is not None:
                apply(standing, event, number)
            number += 1
        standing.lock = after
        standing.changed_offset, standing.changed_ms = self._offset, self._time_ms
        self._touched[key] = standing

    def _granted(self, standing: Standing, e: LockGranted, number: int) -> None:
        window = self._windows.of(standing.tenant)
        window.grants += 1
        if e.ticket is not None:
            self._end_wait(standing, e.ticket, number, "GRANTED")
        terms = (
            e.principal, e.client, e.handle, e.sequence, e.token, e.mode, None, e.ttl_ms, e.expires_at, None,
            *(_NO_TERMS if e.terms is None else _terms(e.terms)),
        )  # fmt: skip
        self._begin(standing, number, HOLDER, terms, self._offset, self._time_ms)

    def _wait_started(self, standing: Standing, e: LockWaitStarted, number: int) -> None:
        terms = (
            e.principal, e.client, e.handle, e.sequence, e.ticket, e.mode, e.priority, e.ttl_ms, e.wait_until,
            e.upgrade_of, *(_NO_TERMS if e.terms is None else _terms(e.terms)),
        )  # fmt: skip
        self._begin(standing, number, WAITER, terms, self._offset, self._time_ms)

    def _released(self, standing: Standing, e: LockReleased, number: int) -> None:
        self._end_hold(standing, e.token, number, "RELEASED")

    def _expired(self, standing: Standing, e: LockExpired, number: int) -> None:
        self._end_hold(standing, e.token, number, "EXPIRED")

    def _renewed(self, standing: Standing, e: LockRenewed, number: int) -> None:
        old = self._end(standing, e.token, number, "RENEWED")
        (*who, mode, _, ttl_ms, _, upgrade_of, delay, transaction, started) = old.begun[TERMS]
        terms = (*who, mode, None, ttl_ms, e.expires_at, upgrade_of, delay, transaction, started)
        self._begin(standing, number, HOLDER, terms, old.since_offset, old.since_ms)

    def _downgraded(self, standing: Standing, e: LockDowngraded, number: int) -> None:
        old = self._end(standing, e.token, number, "DOWNGRADED")
        (*who, _, priority, ttl_ms, until, upgrade_of, delay, transaction, started) = old.begun[TERMS]
        terms = (*who, SHARED, priority, ttl_ms, until, upgrade_of, delay, transaction, started)
        self._begin(standing, number, HOLDER, terms, old.since_offset, old.since_ms)

    def _upgraded(self, standing: Standing, e: LockUpgraded, number: int) -> None:
        self._windows.of(standing.tenant).grants += 1
        if e.ticket is not None:
            self._end_wait(standing, e.ticket, number, "GRANTED")
        old = self._end(standing, e.from_token, number, "UPGRADED")
        (principal, client, handle, _, _, _, _, ttl_ms, _, _, *asked) = old.begun[TERMS]
        terms = (
            principal, client, handle, e.sequence, e.token, EXCLUSIVE, None, ttl_ms, e.expires_at, e.from_token,
            *asked,
        )  # fmt: skip
        self._begin(standing, number, HOLDER, terms, old.since_offset, old.since_ms)

    def _timed_out(self, standing: Standing, e: LockWaitTimedOut, number: int) -> None:
        self._windows.of(standing.tenant).refusals += 1
        self._end_wait(standing, e.ticket, number, "TIMED_OUT")

    def _withdrawn(self, standing: Standing, e: LockWaitWithdrawn, number: int) -> None:
        self._end_wait(standing, e.ticket, number, "WITHDRAWN")

    def _aborted(self, standing: Standing, e: LockWaitAborted, number: int) -> None:
        self._windows.of(standing.tenant).refusals += 1
        victim = self._end_wait(standing, e.ticket, number, "ABORTED")
        transaction = victim.begun[TERMS][-2]
        self._deadlocks.append((
            self._partition, number, standing.tenant, standing.name, e.ticket, transaction,
            e.principal, e.client, e.handle, e.sequence,
            encode_documents([edge_document(edge) for edge in e.cycle]), self._offset, self._time_ms,
        ))  # fmt: skip

    def _delay_ended(self, standing: Standing, e: LockDelayEnded, number: int) -> None:
        """Nobody's spell begins or ends."""

    def _begin(
        self, standing: Standing, number: int, role: str, terms: Row, since_offset: int, since_ms: int
    ) -> None:
        standing.spell = place = standing.spell + 1
        keyframe = None
        if place % KEYFRAME_EVERY == 0:
            keyframe = (*sorted(spell.begun[1] for spell in standing.spells.values()), number)
        begun = (
            self._partition, number, standing.tenant, standing.name, role,
            *terms,
            self._offset, self._time_ms, place, keyframe,
        )  # fmt: skip
        spell = standing.spells[terms[4]] = Spell(begun, since_offset, since_ms)
        self._book.begin(spell)

    def _end(self, standing: Standing, token: int, number: int, how: Ending) -> Spell:
        spell = standing.spells.pop(token)
        self._book.end(spell, number, self._offset, self._time_ms, how)
        return spell

    def _end_hold(self, standing: Standing, token: int, number: int, how: Ending) -> None:
        spell = self._end(standing, token, number, how)
        self._windows.of(standing.tenant).holds.add(self._time_ms - spell.since_ms)

    def _end_wait(self, standing: Standing, ticket: int, number: int, how: Ending) -> Spell:
        spell = self._end(standing, ticket, number, how)
        self._windows.of(standing.tenant).waits.add(self._time_ms - spell.since_ms)
        return spell


def _after(lock: Lock, decided: Decided) -> Lock | None:
    """Return the lock after a decision; None if no event concerns it. Raises `LookupError`."""
    number, concerned = decided.number, False
    for event in decided.events:
        kind = type(event)
        if kind not in ENGINE_EVENTS:
            if kind is LockGranted or kind is LockUpgraded:
                _check(event.token, number)
            elif kind is LockWaitStarted:
                _check(event.ticket, number)
            lock, concerned = evolve(lock, event), True
        number += 1
    return lock if concerned else None


def _check(token: int, number: int) -> None:
    if token & _NUMBER != number:
        raise LookupError(f"token {token} is not that of the event {number}, which grants it")


def _terms(terms: LockTerms) -> Row:
    transaction = terms.transaction
    if transaction is None:
        return (terms.lock_delay_ms, None, None)
    return (terms.lock_delay_ms, transaction.id, transaction.started_ms)
