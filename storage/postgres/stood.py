"""`StoodLocks` on PostgreSQL: one lock, whole, of one snapshot: as it stands now, or stood before an offset."""

import json
from typing import Any, Final, LiteralString

from storage.postgres import reads_rows as rows_of
from storage.postgres.asking import STANDS
from storage.postgres.reads import HISTORY, LOCKS, PostgresLockReads
from storage.postgres.reads_at import ONE_AT_OFFSET
from streams.domain.locks.commands import EXCLUSIVE, SHARED, Mode, Transaction
from streams.domain.locks.state import Holder, Lock, Waiter
from streams.log.positions import PartitionId
from streams.projections.locks.documents import decode_documents, holder_of, terms_of
from streams.projections.locks.reads import SpellRow, TransactionRow
from streams.projections.locks.stood import NOBODY, Stood, StoodAt
from streams.projections.reads import Stand

NOW: Final[LiteralString] = f"""
    SELECT l.holders::text, l.waiting, l.delay_until_lease_ms, l.changed_offset,
        (SELECT jsonb_agg(to_jsonb(w))::text FROM tidelock.lock_waiters w
            WHERE w.partition = l.partition AND w.tenant = l.tenant AND w.name = l.name),
        c.stands
    FROM ({STANDS} AND partition = %(partition)s) c
    LEFT JOIN tidelock.locks l
        ON l.partition = %(partition)s AND l.tenant = %(tenant)s AND l.name = %(name)s"""  # noqa: S608 - put together from texts of this release


class PostgresStoodLocks(PostgresLockReads):
    """Whole locks, for those who follow them."""

    async def stood(self, tenant: str, name: str, where: PartitionId, before: int | None) -> StoodAt:
        """Return the lock as far as it is projected; with `before`, no further than before that offset."""
        given = {"projection": LOCKS, "tenant": tenant, "name": name, "partition": where.partition}
        (row,) = await self._asking.rows(NOW, given)
        now = _at(self._asking.stands(row[-1]), NOBODY if row[0] is None else _stood_now(row))
        if before is None or now.next_offset <= before:
            return now
        if row[0] is not None and row[3] < before:
            return StoodAt(before, now.time_ms, now.stood)
        spells, _ = await self._asking.stood(ONE_AT_OFFSET, LOCKS, {**given, "at": before - 1}, HISTORY)
        return StoodAt(before, now.time_ms, _stood_then([rows_of.spell(spell) for spell in spells]))


def _at(stands: tuple[Stand, ...], stood: Stood) -> StoodAt:
    if not stands:
        return StoodAt(0, 0, NOBODY)
    (stand,) = stands
    return StoodAt(stand.next_offset, stand.time_ms, stood)


def _stood_now(row: Any) -> Stood:
    documents, waiters = decode_documents(row[0]), {one["ticket"]: one for one in json.loads(row[4] or "[]")}
    since = {one["token"]: (one["since_offset"], one["since_ms"]) for one in documents}
    since |= {ticket: (one["since_offset"], one["since_ms"]) for ticket, one in waiters.items()}
    queue = tuple([_waiter(waiters[ticket]) for ticket in row[1]])
    return Stood(Lock(tuple(map(holder_of, documents)), queue, row[2] or 0), since)


def _waiter(row: dict[str, Any]) -> Waiter:
    transaction = None
    if row["transaction_id"] is not None:
        transaction = Transaction(row["transaction_id"], row["transaction_started_ms"])
    return Waiter(
        row["principal"], row["client"], row["handle"], row["sequence"], row["ticket"], row["mode"], row["priority"],
        row["ttl_ms"], row["wait_until_lease_ms"], terms_of(0, transaction, ""), row["upgrade_of"], 0,
    )  # fmt: skip


def _stood_then(spells: list[SpellRow]) -> Stood:
    holders = sorted([one for one in spells if one.role == "HOLDER"], key=lambda one: one.token)
    waiters = [one for one in spells if one.role == "WAITER"]
    waiters.sort(key=lambda one: (one.upgrade_of is None, -(one.priority or 0), one.token))
    lock = Lock(tuple(map(_past_holder, holders)), tuple(map(_past_waiter, waiters)), 0)
    return Stood(lock, {one.token: (one.from_offset, one.from_ms) for one in spells}) if spells else NOBODY


def _past_holder(one: SpellRow) -> Holder:
    terms = terms_of(one.lock_delay_ms or 0, _transaction(one.transaction), one.session)
    return Holder(
        one.principal, one.client, one.handle, one.sequence, one.token, _mode(one), one.ttl_ms, one.until_lease_ms,
        terms, None,
    )  # fmt: skip


def _past_waiter(one: SpellRow) -> Waiter:
    terms = terms_of(one.lock_delay_ms or 0, _transaction(one.transaction), one.session)
    return Waiter(
        one.principal, one.client, one.handle, one.sequence, one.token, _mode(one), one.priority or 0, one.ttl_ms,
        one.until_lease_ms, terms, one.upgrade_of, 0,
    )  # fmt: skip


def _mode(one: SpellRow) -> Mode:
    return SHARED if one.mode == SHARED else EXCLUSIVE


def _transaction(row: TransactionRow | None) -> Transaction | None:
    return None if row is None else Transaction(row.id, row.started_ms)
