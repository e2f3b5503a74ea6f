"""An operator of windows whose states are rows of a table: a row a window, and one for its clock.

The table's columns are (partition, view, the parts of the key, `start_ms`, `state`); several operators may share it.
"""

from collections.abc import Iterable
from typing import Final

from streams.projections.table import Changes, Key, Row, Table
from streams.windows.definition import Windows
from streams.windows.operator import Windowed
from streams.windows.taken import Slot

VIEW: Final = 1
_KEY: Final = 2


class WindowedRows:
    """One view of one partition."""

    def __init__(self, table: Table, partition: int, view: str, definition: Windows) -> None:
        self.operator = Windowed(definition)
        self._table, self._definition, self._prefix = table, definition, (partition, view)
        self._clock = clock_of(table, partition, view)

    def restore(self, rows: Iterable[Row]) -> None:
        """Be as the rows of this view say. Raises `WrongState`."""
        self.operator = restored_from(self._definition, rows)

    def take(self, changes: Changes) -> None:
        """Put the rows that changed into `changes`."""
        taken = self.operator.take()
        for slot, state in taken.states.items():
            if state is None:
                changes.delete(self._table, self._at(slot))
            else:
                changes.upsert(self._table, (*self._at(slot), state))
        if taken.clock is not None:
            changes.upsert(self._table, (*self._clock, taken.clock))

    def _at(self, slot: Slot) -> Key:
        key, start_ms = slot
        return (*self._prefix, *key, start_ms)


def clock_of(table: Table, partition: int, view: str) -> Key:
    """Return the key of the row that has the clock of a view: its parts are empty, as no window's are."""
    return (partition, view, *("",) * (table.key - _KEY - 1), 0)


def restored_from(definition: Windows, rows: Iterable[Row]) -> Windowed:
    """Return an operator that goes on from the rows of one view; without its clock it begins anew.

    Raises `WrongState`.
    """
    operator, clock, states = Windowed(definition), None, list[tuple[Slot, str]]()
    for row in rows:
        *key, start_ms, state = row[_KEY:]
        if any(key):
            states.append(((tuple(key), start_ms), state))
        else:
            clock = state
    if clock is not None:
        operator.restore(clock, states)
    return operator
