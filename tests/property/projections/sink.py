"""A sink that minds every rule of `Changes`, and a fold's way into it. Not a test itself."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from streams.log.accepted import AcceptedCommit
from streams.projections.measures import Counts
from streams.projections.projection import Fold, PoisonDecision, Projection
from streams.projections.table import Changes, Key, Row, Table
from tests.unit.replay.logbook import WHERE, WORDS

Rows = dict[Table, dict[Key, Row]]


class Sink:
    """Rows in dictionaries."""

    def __init__(self) -> None:
        self.rows: defaultdict[Table, dict[Key, Row]] = defaultdict(dict)

    def apply(self, changes: Changes) -> None:
        for table, inserted in changes.inserted.items():
            rows = self.rows[table]
            for key, row in inserted.items():
                self._fits(table, key, row)
                assert key not in rows, f"{table.name}: inserted {key}, which is there"
                assert key not in changes.put.get(table, {}), f"{table.name}: {key} is inserted and put"
                rows[key] = row
        for table, put in changes.put.items():
            rows = self.rows[table]
            for key, kept in put.items():
                assert key in rows, f"{table.name}: put {key}, which is not there"
                if kept is None:
                    del rows[key]
                else:
                    self._fits(table, key, kept)
                    rows[key] = kept
        for table in changes.closed:
            closed = changes.onto(table, self.rows[table]).items()
            self.rows[table] |= {key: row for key, row in closed if row is not None}

    def _fits(self, table: Table, key: Key, row: Row) -> None:
        assert len(row) == len(table.columns), table.name
        assert key == row[: table.key], table.name

    def restored(self, projection: Projection, fold: Fold) -> None:
        """Hand `fold` the rows that a store would, in an order of its own."""
        for table in reversed(projection.tables):
            if table.restores:
                fold.restore(table, list(self.rows[table].values()))
            elif table.open_column is not None:
                column = table.columns.index(table.open_column)
                fold.restore(table, [row for row in self.rows[table].values() if row[column] is None])

    def copy(self) -> Rows:
        return {table: dict(rows) for table, rows in self.rows.items() if rows}


def named(rows: Rows, table: Table) -> list[dict[str, Any]]:
    """Return the rows of a table by column."""
    return [dict(zip(table.columns, row, strict=True)) for row in rows.get(table, {}).values()]


def gauges(rows: Rows, counts: type[Counts]) -> dict[Row, Row]:
    """Return the gauges of every window that is open, by tags."""
    measures = counts.measures
    return {
        tuple(row[tag] for tag in measures.tags): tuple(row[gauge] for gauge in measures.gauges)
        for row in named(rows, measures.windows)
        if row["closed"] is None
    }


def closed_as_they_stood(seen: Sequence[Rows], counts: type[Counts]) -> bool:
    """Whether each window that a commit closed has the gauges that it had behind the last commit inside it."""
    windows, first = counts.measures.windows, counts.measures.windows.key + len(counts.measures.counters)
    last = first + len(counts.measures.gauges)
    closed = windows.columns.index("closed")
    return all(
        row[first:last] == after[windows][key][first:last]
        for before, after in pairwise(seen)
        for key, row in before.get(windows, {}).items()
        if row[closed] is None and after[windows][key][closed]
    )


def fold_on(fold: Fold, accepted: AcceptedCommit) -> set[tuple[int, int]]:
    """Fold a commit, go on without what does not fit, and return (offset, index) of that."""
    poison: set[int] = set()
    without: set[int] = set()
    while True:
        try:
            fold.commit(accepted, without)
        except PoisonDecision as error:
            poison.add(error.index)
            without = set(range(error.index + 1))
        else:
            return {(accepted.offset, index) for index in poison}


def project(projection: Projection, commits: Sequence[AcceptedCommit]) -> tuple[Sink, list[Rows]]:
    """Fold commit by commit; return the rows, and how they were behind each commit."""
    sink, fold, seen = Sink(), projection.fold(WHERE, WORDS), []
    for accepted in commits:
        fold_on(fold, accepted)
        sink.apply(fold.take())
        seen.append(sink.copy())
    return sink, seen


def same_in_stretches(
    new_fold: Callable[[], Fold],
    projection: Projection,
    commits: Sequence[AcceptedCommit],
    cuts: Sequence[str],
    seen: Sequence[Rows],
) -> None:
    """Fold with the cuts `on`, `take`, `restart` behind commits; assert that rows are those `seen` behind each."""
    sink, fold = Sink(), new_fold()
    for index, (accepted, cut) in enumerate(zip(commits, cuts, strict=False)):
        fold_on(fold, accepted)
        if cut != "on" or accepted is commits[-1]:
            sink.apply(fold.take())
            assert sink.copy() == seen[index]
        if cut == "restart":
            fold = new_fold()
            sink.restored(projection, fold)
