"""PostgreSQL's rows of locks as the values of `streams.projections.locks.reads`."""

import json
from typing import Any, TypeAlias

from streams.projections.locks.documents import decode_documents
from streams.projections.locks.reads import DeadlockRow, EdgeRow, LockRow, SpellRow, TransactionRow, WaiterRow
from streams.projections.reads import AsOf

Fetched: TypeAlias = Any
"""One row as it comes: a tuple."""


def lock(row: Fetched, when: AsOf) -> LockRow:
    """Return the lock of `reads_sql.LOCK`."""
    (
        partition, name, mode, holders, waiters, delay, token, held, waiting, since_ms, changed, changed_ms, *_
    ) = row  # fmt: skip
    return LockRow(
        partition,
        name,
        mode,
        holders,
        waiters,
        delay,
        token,
        held,
        waiting,
        since_ms,
        changed,
        changed_ms,
        when,
    )


def transaction(id_: str | None, started_ms: int | None) -> TransactionRow | None:
    """Return the transaction of two columns."""
    return None if id_ is None or started_ms is None else TransactionRow(id_, started_ms)


def waiter(row: Fetched, place: int) -> WaiterRow:
    """Return the waiter of `reads_sql.WAITER`."""
    return WaiterRow(*(*row[:2], place, *row[2:12], transaction(row[12], row[13]), *row[14:16]))


def spell(row: Fetched) -> SpellRow:
    """Return the spell of `reads_sql.SPELL`."""
    return SpellRow(*(*row[:15], transaction(row[15], row[16]), *row[17:23]))


def deadlock(row: Fetched) -> DeadlockRow:
    """Return the deadlock of `reads_sql.DEADLOCKS`."""
    cycle = tuple([EdgeRow(**edge) for edge in decode_documents(row[9])])
    return DeadlockRow(*(*row[:9], cycle, *row[10:12]))


def spells_of(text: str) -> list[tuple[SpellRow, int, int]]:
    """Return the spells of a JSON list of history rows, each with when its lock last changed."""
    found = []
    for row in json.loads(text):
        began = transaction(row["transaction_id"], row["transaction_started_ms"])
        found.append((
            SpellRow(
                row["partition"], row["from_event"], row["name"], row["role"], row["principal"], row["client"],
                row["handle"], row["sequence"], row["token"], row["mode"], row["priority"], row["ttl_ms"],
                row["until_lease_ms"], row["upgrade_of"], row["lock_delay_ms"], began, row["session"],
                row["from_offset"], row["from_ms"], row["to_offset"], row["to_ms"], row["ended"],
            ),
            row["changed_offset"],
            row["changed_ms"],
        ))  # fmt: skip
    return found
