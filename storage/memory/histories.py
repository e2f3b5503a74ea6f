"""`OldHistory` of a `MemoryProjectionStore`: the ways of `streams.projections.forgetting`, by looking at all rows."""

from collections.abc import Iterable
from functools import partial

from storage.memory.histories_ways import Named, doomed, few_blocks
from storage.memory.projections import MemoryProjectionStore
from streams.projections.forgetting import Blocked, last_ms
from streams.projections.ports import Sweep, Swept, require_own_version
from streams.projections.projection import Projection
from streams.projections.table import Key, Row, Table


class MemoryOldHistory:
    """Forgets in dictionaries."""

    def __init__(self, store: MemoryProjectionStore) -> None:
        self._store = store

    async def forget(self, projection: Projection, table: Table, sweep: Sweep) -> Swept:
        """Forget what of some of the build's oldest rows answers nothing any more."""
        assert table.forgets is not None, f"rows of {table.name} stay"
        require_own_version(projection, self._store.build(projection).version)
        kept, floors = self._store.kept_from, self._store.forgotten
        kept[table.name] = max(sweep.before_ms, kept.get(table.name, 0))
        every = self._store.rows_of(projection)
        rows, there = every.get(table, {}), set[Key]()
        if isinstance(table.forgets, Blocked):
            there = {key for each in every if each.name == table.forgets.there for key in every[each]}
        named = [dict(zip(table.columns, row, strict=True)) for row in rows.values()]
        old, after = _old(table, named, sweep)
        if isinstance(table.forgets, Blocked):
            few = few_blocks(table.forgets, old, named, sweep.limit)
            old, after = few, after if len(few) == len(old) else _place(table, few[-1])
        gone = list(doomed(table.forgets, old, named, there, sweep.before_ms))
        for row, beyond in gone:
            rows.pop(tuple([row[column] for column in table.columns[: table.key]]), None)
            floor = (table.name, row["partition"])
            floors[floor] = max(beyond, floors.get(floor, 0))
        return Swept(len(gone), after)


def _old(table: Table, rows: Iterable[Named], sweep: Sweep) -> tuple[list[Named], Row | None]:
    """Return the oldest rows that are over, and where to go on."""
    assert table.forgets is not None
    way = table.forgets
    place = partial(_place, table)
    by_ms = last_ms(way, sweep.before_ms)
    over = [row for row in rows if row[way.over_ms] is not None and row[way.over_ms] <= by_ms]
    over = sorted([row for row in over if sweep.after is None or place(row) > sweep.after], key=place)
    page = over[: sweep.limit]
    return page, place(page[-1]) if len(page) == sweep.limit else None


def _place(table: Table, row: Named) -> Row:
    assert table.forgets is not None
    return tuple([row[column] for column in (table.forgets.over_ms, *table.columns[: table.key])])
