"""The fold behind `locks`, `lock_waiters`, `lock_history`, `deadlocks` and `lock_windows`.

A decision's events go through the domain's own `evolve` first, which changes nothing here and refuses what does not
fit; only then do spells begin and end. So a decision is folded wholly or not at all.
"""

from collections.abc import Collection, Iterable
from typing import Final

from streams.domain.decider import GENERATION_SHIFT
from streams.domain.locks.events import LockGranted, LockUpgraded, LockWaitStarted
from streams.domain.locks.evolve import evolve
from streams.domain.locks.state import FREE, Lock
from streams.log.accepted import AcceptedCommit, Decided
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision
from streams.log.vocabulary import ENGINE_EVENTS, Vocabulary
from streams.projections.asked import Asked
from streams.projections.locks.changing import Changing
from streams.projections.locks.standing import Standing, restored
from streams.projections.locks.tables import LOCK_WINDOWS, LOCKS
from streams.projections.projection import PoisonDecision
from streams.projections.table import Changes, Row, Table
from streams.projections.tally import Tally

_ASKING: Final = frozenset(("AcquireLock", "UpgradeLock"))
_NONE: Final = (0, 0, 0)
_NUMBER: Final = (1 << GENERATION_SHIFT) - 1


class LocksFold:
    """One partition of the read model `locks`."""

    def __init__(self, where: PartitionId, vocabulary: Vocabulary) -> None:
        self._partition = where.partition
        self._asked = Asked(vocabulary)
        self._tally = Tally(len(_NONE))
        self._restoring: dict[Table, list[Row]] = {}
        self._locks: dict[str, Standing] = {}
        self._touched: dict[str, Standing] = {}
        self._changing = Changing(where.partition, self._tally)
        self._offset = 0
        self._time_ms = 0

    def restore(self, table: Table, rows: Iterable[Row]) -> None:
        """Take back what stands, from rows of `LOCKS`, open `LOCK_HISTORY` and open `LOCK_WINDOWS`, in any order."""
        if table is LOCK_WINDOWS:
            for row in rows:
                self._changing.windows.restore(row)
        else:
            self._restoring.setdefault(table, []).extend(rows)

    def commit(self, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
        """Fold one accepted commit but for the decisions `without`. Raises `PoisonDecision`."""
        if self._restoring:
            self._locks, self._restoring = restored(self._restoring), {}
            for standing in self._locks.values():
                self._tally.change(standing.tenant, _NONE, _gauges(standing.lock))
        self._offset, self._time_ms = accepted.offset, accepted.time_ms
        self._changing.reach(accepted.offset, accepted.time_ms)
        for decided in accepted.decided:
            if decided.index in without:
                continue
            if decided.events:
                self._decided(accepted, decided)
            self._answered(decided.decision)

    def take(self) -> Changes:
        """Return what changed since the last call."""
        changes = self._changing.take()
        for key, standing in self._touched.items():
            if standing.lock is FREE:
                del self._locks[key]
            self._put(changes, standing)
        self._touched = {}
        return changes

    def _put(self, changes: Changes, standing: Standing) -> None:
        if standing.lock is FREE:
            if standing.stored:
                changes.delete(LOCKS, (self._partition, standing.tenant, standing.name))
            return
        put = changes.upsert if standing.stored else changes.insert
        put(LOCKS, standing.row(self._partition))
        standing.stored = True

    def _answered(self, decision: LoggedDecision) -> None:
        """Count a client's command. One that names no key is nobody's."""
        tenant, slash, _ = decision.key.partition("/")
        if not slash or not self._asked.is_command(decision):
            return
        counts = self._changing.windows.of(tenant)
        if self._asked.count(counts, decision) and decision.command in _ASKING:
            counts.count("refusals")

    def _decided(self, accepted: AcceptedCommit, decided: Decided) -> None:
        """Fold the events of one decision. Raises `PoisonDecision`, and has then changed nothing."""
        key, number = decided.decision.key, decided.number
        standing = self._locks.get(key)
        before = FREE if standing is None else standing.lock
        try:
            after = _after(before, decided)
        except LookupError as error:
            raise PoisonDecision(accepted, decided.index, error) from error
        if after is None:
            return
        if standing is None:
            standing = self._locks[key] = Standing(*_tenant_and_name(key))
        if before is FREE:
            standing.spell, standing.since_ms = 0, self._time_ms
        apply = self._changing.apply
        for event in decided.events:
            apply(standing, event, number)
            number += 1
        standing.lock = after
        self._tally.change(standing.tenant, _gauges(before), _gauges(after))
        self._changing.windows.of(standing.tenant)
        standing.changed_offset, standing.changed_ms = self._offset, self._time_ms
        self._touched[key] = standing


def _gauges(lock: Lock) -> Row:
    """What one lock adds to the gauges of `LockCounts`."""
    return (int(bool(lock.holders)), len(lock.holders), len(lock.waiters))


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
    """Every token and ticket is the number of its event; rows rely on it."""
    if token & _NUMBER != number:
        raise LookupError(f"token {token} is given by event {number}, whose number it does not have")


def _tenant_and_name(key: str) -> tuple[str, str]:
    tenant, _, name = key.partition("/")
    return tenant, name
