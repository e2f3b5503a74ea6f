"""Locks by name, without details of who waits: those are in no copy."""

from collections.abc import Mapping, Sequence

from api.hot.rows import HotRows
from streams.projections.locks.projections import LOCKS
from streams.projections.locks.reads import LockRow, free_lock
from streams.projections.reads import AsOf
from streams.projections.table import Row


class HotLocks:
    """Locks, as far as the hot copies tell."""

    def __init__(self, rows: HotRows) -> None:
        self._rows = rows

    async def locks_by_name(
        self, tenant: str, wanted: Sequence[tuple[int, str]]
    ) -> Mapping[tuple[int, str], LockRow]:
        """Return locks by (partition, name), free ones too; of those that are missing the copies cannot tell."""
        keys = {(partition, tenant, name): (partition, name) for partition, name in wanted}
        found = await self._rows.look(LOCKS, keys)
        as_of = {partition: AsOf((stand,)) for partition, stand in found.stands.items()}
        return {
            place: _lock(found.rows[key], as_of[key[0]])
            if key in found.rows
            else free_lock(*place, as_of[key[0]])
            for key, place in keys.items()
            if key[0] in as_of
        }


def _lock(row: Row, as_of: AsOf) -> LockRow:
    (
        partition, _, name, mode, holders, waiters, delay, token, held, waiting, _, since_ms, changed, changed_ms,
    ) = row  # fmt: skip
    return LockRow(
        partition, name, mode, holders, waiters, delay, token, held, waiting, since_ms, changed, changed_ms, as_of
    )  # fmt: skip
