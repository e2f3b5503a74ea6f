"""What a `MemoryProjectionStore` does to rows."""

from collections.abc import Mapping
from typing import TypeAlias

from storage.refused import refuse
from streams.log.positions import PartitionId
from streams.projections.ports import RowRefused
from streams.projections.table import Changes, Key, Row, Table

OfTable: TypeAlias = Mapping[Key, Row]
Rows: TypeAlias = Mapping[Table, OfTable]


def restored(table: Table, rows: Rows, where: PartitionId) -> list[Row]:
    """Return the rows of a partition that a fold needs to go on."""
    mine = [row for row in rows.get(table, {}).values() if row[0] == where.partition]
    if table.restores:
        return mine
    return [row for row in mine if row[table.opened] is None]


def refuse_changes(changes: Changes, rows: Rows, where: PartitionId, *, begins: bool) -> None:
    """Refuse, before anything is changed, what a database would."""
    for table, inserted in changes.inserted.items():
        stored = rows.get(table, {})
        for key, row in inserted.items():
            if key in stored and not (begins and key[0] == where.partition):
                raise RowRefused(f"{table.name}: there is a row under {key} already.")
            refuse(table, row)
    for table, put in changes.put.items():
        for kept in put.values():
            if kept is not None:
                refuse(table, kept)


def change(table: Table, stored: dict[Table, dict[Key, Row]], changes: Changes) -> None:
    """Change the rows of a table."""
    rows = stored.setdefault(table, {})
    for key, row in changes.onto(table, rows).items():
        if row is None:
            rows.pop(key, None)
        else:
            rows[key] = row
