"""`given(projection, at(time, decision, ...), ...).shows(TABLE, columns, row, ...)`, for read models.

Each `at` is one commit at that event time, folded and taken as one stretch. Events are those of `tests.unit.locks.spec`
on the lock `orders/42` of tenant `dev`; generation 0, so that the token of an event is its number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.projections.projection import Fold, Projection
from streams.projections.table import Changes, Key, Row, Table
from tests.unit.replay.logbook import WHERE, WORDS, Logbook, decision

KEY = "dev/orders/42"


@dataclass(frozen=True)
class Moment:
    """One commit in the making."""

    time_ms: int
    decisions: tuple[LoggedDecision, ...]


def at(time_ms: int, *decisions: LoggedDecision) -> Moment:
    return Moment(time_ms, decisions)


def did(*events: Any, key: str = KEY, **changes: Any) -> LoggedDecision:
    """Some command's decision with these events, on `key`."""
    return decision(1, *events, key=key, **changes)


def commits(*moments: Moment, where: PartitionId = WHERE, words: Vocabulary = WORDS) -> list[AcceptedCommit]:
    book, times = Logbook(where.kind).begun(), [0, 0]
    for moment in moments:
        book.commit(*moment.decisions)
        times.append(moment.time_ms)
    reader = CommitReader(where, words)
    read = [reader.read(Stored(r.offset, ms, r.value)) for r, ms in zip(book.records, times, strict=True)]
    return [accepted for accepted in read if accepted is not None]


def given(projection: Projection, *moments: Moment) -> Spec:
    spec = Spec(projection)
    for accepted in commits(*moments):
        spec.fold.commit(accepted)
        spec.take()
    return spec


class Spec:
    """A fold, and the rows it has made so far."""

    def __init__(self, projection: Projection, where: PartitionId = WHERE, words: Vocabulary = WORDS) -> None:
        self.projection = projection
        self.fold: Fold = projection.fold(where, words)
        self.rows: dict[Table, dict[Key, Row]] = {table: {} for table in projection.tables}

    def take(self) -> Changes:
        changes = self.fold.take()
        for table in changes.inserted | changes.put:
            for key, row in changes.rows(table):
                if row is None:
                    del self.rows[table][key]
                else:
                    self.rows[table][key] = row
        return changes

    def shows(self, table: Table, columns: str, *rows: Any) -> Spec:
        """The table has these rows, of which `columns` are looked at; a single column's values stand bare."""
        places = [table.columns.index(column) for column in columns.split()]
        found = [tuple(row[place] for place in places) for _, row in sorted(self.rows[table].items())]
        expected = [row if isinstance(row, tuple) else (row,) for row in rows]
        assert found == expected
        return self
