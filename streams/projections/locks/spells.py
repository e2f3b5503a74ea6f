"""Spells as they begin and end, and the rows of `lock_history` and `lock_waiters` that they leave in a stretch.

A spell that begins and ends within one stretch is one row, inserted once; so is one that is still open. Only the end
of an older one replaces a row.
"""

from typing import Final, Literal, TypeAlias

from streams.projections.locks.tables import LOCK_HISTORY, LOCK_WAITERS
from streams.projections.table import Changes, Row

Role: TypeAlias = Literal["HOLDER", "WAITER"]
Ending: TypeAlias = Literal[
    "RELEASED", "EXPIRED", "RENEWED", "UPGRADED", "DOWNGRADED", "GRANTED", "TIMED_OUT", "WITHDRAWN", "ABORTED"
]

HOLDER: Final = "HOLDER"
WAITER: Final = "WAITER"
KEYFRAME_EVERY: Final = 64

_COLUMN = {name: index for index, name in enumerate(LOCK_HISTORY.columns)}
FROM_EVENT: Final = _COLUMN["from_event"]
ROLE: Final = _COLUMN["role"]
TERMS: Final = slice(_COLUMN["principal"], _COLUMN["from_offset"])
TOKEN: Final = _COLUMN["token"]
TRANSACTION: Final = _COLUMN["transaction_id"]
FROM_OFFSET: Final = _COLUMN["from_offset"]
FROM_MS: Final = _COLUMN["from_ms"]
BEGUN: Final = _COLUMN["to_event"]
"""How many columns the beginning of a spell fills."""

_OPEN: Final[Row] = (None, None, None, None)
_OF_WAITER: Final = tuple(
    _COLUMN[
        {"wait_until_lease_ms": "until_lease_ms", "since_offset": "from_offset", "since_ms": "from_ms"}.get(
            c, c
        )
    ]
    for c in LOCK_WAITERS.columns[2:]
)


class Spell:
    """One that is open: the columns of its row that its beginning filled, and when its hold, or wait, began."""

    __slots__ = ("begun", "since_ms", "since_offset", "stored")

    def __init__(self, begun: Row, since_offset: int, since_ms: int, *, stored: bool = False) -> None:
        self.begun = begun
        self.since_offset = since_offset
        self.since_ms = since_ms
        self.stored = stored
        """Whether an earlier stretch wrote its row."""


class SpellBook:
    """The spells of one partition that changed since rows were last taken."""

    __slots__ = ("_begun", "_ended", "_left", "_passed")

    def __init__(self) -> None:
        self._begun: dict[int, Spell] = {}
        self._passed: list[Row] = []
        self._ended: list[Row] = []
        self._left: list[Row] = []

    def begin(self, spell: Spell) -> None:
        """Note down a spell that begins."""
        self._begun[spell.begun[FROM_EVENT]] = spell

    def end(self, spell: Spell, number: int, offset: int, time_ms: int, how: Ending) -> None:
        """Note down that event `number` ended a spell."""
        row = (*spell.begun, number, offset, time_ms, how)
        if not spell.stored:
            del self._begun[spell.begun[FROM_EVENT]]
            self._passed.append(row)
            return
        self._ended.append(row)
        if row[ROLE] == WAITER:
            self._left.append((row[0], row[TOKEN]))

    def take(self, changes: Changes) -> None:
        """Put the rows into `changes`; all that is open counts as written from now on."""
        begun = self._begun.values()
        inserted = [*self._passed, *[spell.begun + _OPEN for spell in begun]]
        if inserted:
            changes.inserted[LOCK_HISTORY] = {row[:2]: row for row in inserted}
        if self._ended:
            changes.put[LOCK_HISTORY] = {row[:2]: row for row in self._ended}
        waiting = [_waiter(spell.begun) for spell in begun if spell.begun[ROLE] == WAITER]
        if waiting:
            changes.inserted[LOCK_WAITERS] = {row[:2]: row for row in waiting}
        if self._left:
            changes.put[LOCK_WAITERS] = dict.fromkeys(self._left)
        for spell in begun:
            spell.stored = True
        self._begun, self._passed, self._ended, self._left = {}, [], [], []


def _waiter(begun: Row) -> Row:
    return (begun[0], begun[TOKEN], *[begun[column] for column in _OF_WAITER])
