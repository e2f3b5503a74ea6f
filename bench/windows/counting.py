"""What is folded: tumbling counts by key over a log of commits as they are under load, made before the clock starts."""

from collections.abc import Collection, Iterable
from typing import Final

from schemas.meta import CommandMeta
from streams.catalog import KINDS
from streams.log.accept import LogHead
from streams.log.accepted import AcceptedCommit
from streams.log.envelope import encode
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.records import Claim, Commit, Genesis, LoggedDecision, Record
from streams.log.vocabulary import Vocabulary
from streams.projections.projection import Projection
from streams.projections.table import Changes, Row, Table

WHERE: Final = PartitionId("locks", 0)
VOCABULARY: Final = Vocabulary(next(kind for kind in KINDS if kind.name == WHERE.kind))
KEYS: Final = 200
DECISIONS_A_COMMIT: Final = 50
WINDOW_MS: Final = 10_000
A_COMMIT_MS: Final = 5
COUNTS: Final = Table("counts", ("partition", "key", "start_ms", "count", "total"), key=3, restores=True)


class CountingFold:
    """Counts decisions of each key and window; a window that is over is deleted."""

    def __init__(self, where: PartitionId, _: Vocabulary) -> None:
        self._partition = where.partition
        self._windows: dict[tuple[str, int], tuple[int, int]] = {}
        self._touched: set[tuple[str, int]] = set()
        self._start_ms = -1

    def restore(self, _: Table, rows: Iterable[Row]) -> None:
        """Take back all windows."""
        self._windows = {(row[1], row[2]): (row[3], row[4]) for row in rows}

    def commit(self, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
        """Count its decisions."""
        start_ms = accepted.time_ms - accepted.time_ms % WINDOW_MS
        if start_ms != self._start_ms:
            self._start_ms = start_ms
            self._touched.update(self._windows)
        windows, touched = self._windows, self._touched
        for index, decision in enumerate(accepted.commit.decisions):
            if index not in without:
                at = (decision.key, start_ms)
                count, total = windows.get(at, (0, 0))
                windows[at] = (count + 1, total + decision.meta.sequence)
                touched.add(at)

    def take(self) -> Changes:
        """Return the windows that changed."""
        changes, windows = Changes(), self._windows
        for at in self._touched:
            if at[1] < self._start_ms:
                windows.pop(at, None)
                changes.delete(COUNTS, (self._partition, *at))
            else:
                changes.upsert(COUNTS, (self._partition, *at, *windows[at]))
        self._touched.clear()
        return changes


COUNTING: Final = Projection("bench_counts", 1, WHERE.kind, (COUNTS,), CountingFold, kept="table")


def log_of(decisions: int) -> list[Stored]:
    """Return a log of so many decisions."""
    head, owner, log = LogHead(), bytes(16), list[Stored]()

    def write(record: Record) -> None:
        data = encode(record)
        head.accept(len(log), record, data)
        log.append(Stored(len(log), A_COMMIT_MS * len(log), data))

    write(Genesis(bytes(16), 0, WHERE.kind, WHERE.partition, 1, 0))
    write(Claim(owner, "127.0.0.1:1", "bench", 1))
    for first in range(0, decisions, DECISIONS_A_COMMIT):
        made = tuple(_decision(number) for number in range(first, first + DECISIONS_A_COMMIT))
        at = head.n + 1
        write(Commit(owner, head.head, at, at, at, 1, None, made))
    return log


def _decision(number: int) -> LoggedDecision:
    meta = CommandMeta(1, "bench", "client", number, "1", 0, 10**12)
    key = f"bench/{number * 7919 % KEYS}"
    return LoggedDecision("DIRECT", "bench", meta, bytes(16), "AcquireLock", key, False, (), b"")
