"""`streams.projections.locks.reads.LockReads` on PostgreSQL: one statement a question, so that it has one snapshot."""

from collections.abc import Sequence
from typing import Any, Final, LiteralString

from storage.postgres import reads_at as at_sql
from storage.postgres import reads_rows as rows_of
from storage.postgres import reads_sql as sql
from storage.postgres.asking import MAX_LONG, above, with_stands
from storage.postgres.floors import forgotten
from storage.postgres.pool import Connections, PoolSettings
from storage.postgres.reads_kind import PostgresReads
from streams.log.positions import Position
from streams.projections.locks.blockers import waits_of
from streams.projections.locks.documents import decode_documents
from streams.projections.locks.past import lock_of_spells
from streams.projections.locks.reads import (
    KIND,
    SHOWN,
    DeadlockRow,
    LockFilter,
    LockRow,
    SpellRow,
    WaiterRow,
    WaitRow,
    free_lock,
    holder_row,
)
from streams.projections.reads import EVENTS, AsOf, Moment

SETTINGS = PoolSettings(
    application="tidelock-api",
    max_size=8,
    wait_s=2.0,
    statement_ms=5_000,
    lock_ms=2_000,
    check=False,
    generic_plans=True,
)
LOCKS = "locks"
HISTORY: Final = "history of locks"
AUDIT: Final = "audit"
NEVER = AsOf(())


class PostgresLockReads(PostgresReads):
    """Reads of locks. `statements` counts what was asked."""

    def __init__(self, pool: Connections) -> None:
        super().__init__(pool, KIND, AUDIT)

    async def lock_at(self, tenant: str, name: str, partition: int, at: Moment) -> LockRow:
        """Return the lock as it was, with its waiters."""
        by_offset = isinstance(at, Position)
        statement = at_sql.ONE_AT_OFFSET if by_offset else at_sql.ONE_AT_TIME
        given = {"tenant": tenant, "name": name, "partition": partition, "at": _bound(at)}
        rows, when = await self._asking.stood(statement, LOCKS, given, HISTORY)
        changed = (rows[0][-3], rows[0][-2]) if rows else None
        when = AsOf(when.stands, at)
        return lock_of_spells(partition, name, [rows_of.spell(row) for row in rows], changed, when)

    async def locks(
        self, tenant: str, wanted: LockFilter, first: int, after: str | None
    ) -> tuple[Sequence[LockRow], AsOf]:
        """Return locks that are not free, by name."""
        conditions, given = _conditions(wanted)
        page = (
            f"SELECT {sql.LOCK} FROM tidelock.locks l WHERE l.tenant = %(tenant)s AND l.name > %(after)s"
            f"{conditions} ORDER BY l.name LIMIT %(limit)s"
        )
        given |= {"tenant": tenant, "after": after or "", "limit": first + 1}
        rows, when = await self._asking.listed(with_stands(page, 12), LOCKS, given)
        return [rows_of.lock(row, when) for row in rows], when

    async def locks_at(
        self, tenant: str, wanted: LockFilter, first: int, after: str | None, at: Moment
    ) -> tuple[Sequence[LockRow], AsOf, str | None]:
        """Return locks that were not free, by name, and after which name to go on."""
        by_offset = isinstance(at, Position)
        given = {
            "tenant": tenant,
            "after": after or "",
            "prefix": wanted.name_prefix or "",
            "below": above(wanted.name_prefix),
            "partition": at.partition.partition if isinstance(at, Position) else None,
            "examined": at_sql.MAX_EXAMINED,
            "limit": first + 1,
            "at": _bound(at),
        }
        statement = at_sql.PAGE_AT_OFFSET if by_offset else at_sql.PAGE_AT_TIME
        rows, when = await self._asking.stood(statement, LOCKS, given, HISTORY)
        when = AsOf(when.stands, at)
        more = len(rows) > first or bool(rows and rows[-1][2] >= at_sql.MAX_EXAMINED)
        rows = rows[:first]
        locks = [_lock_then(row, when) for row in rows if row[3] is not None]
        return [lock for lock in locks if _fits(lock, wanted)], when, rows[-1][1] if more else None

    async def locks_by_name(self, tenant: str, keys: Sequence[tuple[int, str]]) -> Sequence[LockRow]:
        """Return the locks of the given (partition, name), in that order."""
        partitions, names = [key[0] for key in keys], [key[1] for key in keys]
        given = {"projection": LOCKS, "tenant": tenant, "partitions": partitions, "names": names}
        rows = await self._asking.rows(sql.LOCKS_BY_NAME, given)
        when = {stand.partition: AsOf((stand,)) for stand in self._asking.stands(rows[0][-1])}
        found = {(row[0], row[1]): rows_of.lock(row, when[row[0]]) for row in rows if row[0] is not None}
        return [found.get(key) or free_lock(*key, when.get(key[0], NEVER)) for key in keys]

    async def waiters_of(self, tenant: str, locks: Sequence[LockRow]) -> Sequence[Sequence[WaiterRow]]:
        """Return the first waiters of each lock."""
        asked = [(lock.partition, ticket) for lock in locks for ticket in lock.waiting[:SHOWN]]
        found: dict[tuple[int, int], Any] = {}
        if asked:
            given = {
                "tenant": tenant, "partitions": [each[0] for each in asked], "tickets": [each[1] for each in asked],
            }  # fmt: skip
            found = {(row[0], row[2]): row for row in await self._asking.rows(sql.WAITERS_OF, given)}
        return [
            [
                rows_of.waiter(found[lock.partition, ticket], place)
                for place, ticket in enumerate(lock.waiting[:SHOWN], 1)
                if (lock.partition, ticket) in found
            ]
            for lock in locks
        ]

    async def waits(
        self, tenant: str, name_prefix: str | None, first: int, after: tuple[str, int] | None
    ) -> tuple[Sequence[WaitRow], AsOf]:
        """Return waiters with whom they wait for, by lock and ticket."""
        name, ticket = after or ((name_prefix or ""), -1)
        given = {
            "tenant": tenant, "name": name, "ticket": ticket, "below": above(name_prefix), "limit": first + 1,
        }  # fmt: skip
        rows, when = await self._asking.listed(with_stands(sql.QUEUES, 19), LOCKS, given)
        queues: dict[str, list[Any]] = {}
        for row in rows:
            queues.setdefault(row[1], []).append(row)
        return [wait for queue in queues.values() for wait in _waits(queue)], when

    async def history(
        self, tenant: str, name: str, first: int, after: tuple[int, int] | None
    ) -> tuple[Sequence[SpellRow], AsOf]:
        """Return the spells of a lock, newest first."""
        offset, event = after or (MAX_LONG, MAX_LONG)
        given = {"tenant": tenant, "name": name, "offset": offset, "event": event, "limit": first + 1}
        rows, when = await self._asking.listed(with_stands(sql.HISTORY, at_sql.SPELL_COLUMNS), LOCKS, given)
        return [rows_of.spell(row) for row in rows], when

    async def deadlocks(
        self, tenant: str, first: int, after: tuple[int, int, int] | None
    ) -> tuple[Sequence[DeadlockRow], AsOf]:
        """Return the deadlocks that were broken, newest first."""
        at_ms, partition, event = after or (MAX_LONG, MAX_LONG, MAX_LONG)
        given = {
            "tenant": tenant, "at_ms": at_ms, "partition": partition, "event": event, "limit": first + 1,
        }  # fmt: skip
        statement = with_stands(sql.DEADLOCKS, 12, last=forgotten("'deadlocks'", by_offset=False))
        rows, when = await self._asking.stood(
            statement, LOCKS, given | {"at": at_ms}, "list of deadlocks", EVENTS
        )
        return [rows_of.deadlock(row) for row in rows], when


def _bound(at: Moment) -> int:
    return at.offset if isinstance(at, Position) else at


def _conditions(wanted: LockFilter) -> tuple[LiteralString, dict[str, Any]]:
    text: LiteralString = ""
    given: dict[str, Any] = {}
    if wanted.name_prefix:
        text += " AND l.name >= %(prefix)s AND l.name < %(below)s"
        given |= {"prefix": wanted.name_prefix, "below": above(wanted.name_prefix)}
    if wanted.mode is not None:
        text += " AND l.mode = %(mode)s"
        given["mode"] = wanted.mode
    if wanted.contended is not None:
        text += " AND l.waiter_count > 0" if wanted.contended else " AND l.waiter_count = 0"
    if wanted.principal is not None:
        held, of = _held(wanted)
        text += held
        given |= of
    return text, given


def _held(wanted: LockFilter) -> tuple[LiteralString, dict[str, Any]]:
    text: LiteralString = """ AND (l.partition, l.name) IN (
        SELECT h.partition, h.name FROM tidelock.lock_history h
        WHERE h.tenant = %(tenant)s AND h.principal = %(principal)s AND h.to_event IS NULL AND h.role = 'HOLDER'"""
    given: dict[str, Any] = {"principal": wanted.principal}
    if wanted.client is not None:
        text += " AND h.client = %(client)s"
        given["client"] = wanted.client
    if wanted.handle is not None:
        text += " AND h.handle = %(handle)s"
        given["handle"] = wanted.handle
    return text + ")", given


def _waits(queue: list[Any]) -> list[WaitRow]:
    places = {ticket: place for place, ticket in enumerate(queue[0][16], 1)}
    ordered = sorted((row for row in queue if row[2] in places), key=lambda row: places[row[2]])
    holders = next((row[17] for row in ordered if row[17] is not None), "[]")
    shown = {row[2] for row in ordered if row[18]}
    waits = waits_of(
        [holder_row(document) for document in decode_documents(holders)],
        [rows_of.waiter(row, places[row[2]]) for row in ordered],
        shown,
    )
    return sorted(waits, key=lambda wait: wait.waiter.ticket)


def _lock_then(row: Any, when: AsOf) -> LockRow:
    spells = rows_of.spells_of(row[3])
    return lock_of_spells(row[0], row[1], [spell for spell, _, _ in spells], spells[0][1:], when)


def _fits(lock: LockRow, wanted: LockFilter) -> bool:
    if wanted.mode is not None and lock.mode != wanted.mode:
        return False
    return wanted.contended is None or wanted.contended == (lock.waiter_count > 0)
