"""The walk along the histories of one clock: each operation gets a point in its partition's log, or is a violation.

See the package's docstring for why that is a proof.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from tidelock.workload.consistency.entry_log import WRITTEN_BACK, EntryLog, Period
from tidelock.workload.consistency.operations import Operation
from tidelock.workload.consistency.order import Placed, find_cycle
from tidelock.workload.consistency.verdict import Code, Verdict


def judge(log: EntryLog, operations: Iterable[Operation]) -> Verdict:
    """Return whether the histories are sequentially consistent, and what speaks against it.

    `began` and `ended` are counts of the operation's clock; one that ends at the count at which another begins is not
    before it. The log must be read to an end that lies after all of them.
    """
    verdict, judged = Verdict(), list[Operation]()
    for each in operations:
        if each.ended:
            judged.append(each)
        else:
            verdict.unknown += 1
    _count(verdict, judged)
    judged.sort(key=attrgetter("clock"))
    placed = list[Placed]()
    for _, history in groupby(judged, key=attrgetter("clock")):
        placed += _Walk(log, verdict).along(list(history))
    if verdict.ok:
        find_cycle(placed, verdict)
    return verdict


def _count(verdict: Verdict, judged: list[Operation]) -> None:
    verdict.operations = len(judged)
    verdict.reads = sum(each.kind == "READ" for each in judged)
    verdict.hits = sum(each.hit and each.kind == "READ" for each in judged)
    verdict.local_writes = sum(each.local > 0 and each.kind == "WRITE" for each in judged)
    verdict.clients = len({each.client for each in judged})
    verdict.entries = len({(each.key, each.entry) for each in judged})


@dataclass(slots=True)
class _Begun:
    """What was known when an operation began."""

    floor: int
    """The latest place of its partition that was seen."""
    seen: Operation | None
    """By which operation."""
    local: int
    """Writes to the client's Modified line so far."""


class _Walk:
    """One clock's operations, from the first to the last."""

    def __init__(self, log: EntryLog, verdict: Verdict) -> None:
        self._log = log
        self._verdict = verdict
        self._floors: dict[int, tuple[int, Operation | None]] = {}
        self._lines: dict[tuple[str, str, int], list[Operation]] = {}
        """The writes to each Modified line, so far."""

    def along(self, history: list[Operation]) -> list[Placed]:
        """Return the operations that have a point, with it."""
        moments = [(each.began, 0, index) for index, each in enumerate(history)]
        moments += [(each.ended, 1, index) for index, each in enumerate(history)]
        begun: dict[int, _Begun] = {}
        placed = list[Placed]()
        for _, is_end, index in sorted(moments):
            operation = history[index]
            if not is_end:
                floor, seen = self._floors.get(self._partition(operation), (0, None))
                begun[index] = _Begun(floor, seen, len(self._line(operation)))
                continue
            found = self._place(operation, begun.pop(index))
            if found is not None:
                placed.append(found)
                if found.place > self._floors.get(found.partition, (0, None))[0]:
                    self._floors[found.partition] = found.place, operation
        self._check_written_back()
        return placed

    def _partition(self, operation: Operation) -> int:
        return self._log.partitions.get(operation.key, 0)

    def _line(self, operation: Operation) -> list[Operation]:
        return self._lines.get((operation.key, operation.entry, operation.version), [])

    def _no(self, code: Code, operation: Operation, evidence: str) -> None:
        self._verdict.add(code, operation, evidence)

    def _place(self, operation: Operation, begun: _Begun) -> Placed | None:
        if operation.kind == "WRITE":
            return self._local_write(operation, begun) if operation.local else self._write(operation, begun)
        return self._read(operation, begun)

    # ── reads, and deletions: they leave what a read would find ─────────────────────────────────────────────────

    def _read(self, operation: Operation, begun: _Begun) -> Placed | None:
        period, found = None, None
        for period in self._log.periods(operation.key, operation.entry, operation.version, begun.floor):
            if self._may_see(operation, period, begun) and period.last(operation.value).died > begun.floor:
                found = found or period
                if self._is_answered_in(period, operation):
                    return self._at(operation, period, begun)
        if found is not None:
            return self._at(operation, found, begun)
        if operation.kind == "DELETE":
            self._no("LOST_WRITE", operation, f"the entry was there at all times since {_why(begun)}")
        elif period is None and operation.version:
            self._no("NOT_IN_LOG", operation, "the entry never was of that version")
        elif operation.local > len(self._line(operation)):
            self._no("NOT_IN_LOG", operation, "nobody has written that yet")
        else:
            self._no("STALE_READ", operation, f"{self._over(operation, period)}; {_why(begun)}")
        return None

    def _is_answered_in(self, period: Period, operation: Operation) -> bool:
        """Say whether its grant, if it has one, is of this period: after a loss a version comes again."""
        if not operation.grant:
            return True
        return (
            period.born
            <= self._log.granted(operation.key, operation.grant)
            < period.last(operation.value).died
        )

    def _may_see(self, operation: Operation, period: Period, begun: _Begun) -> bool:
        """Say whether it may be this value: of a Modified line the owner sees what it wrote last, others nothing."""
        if not period.owner:
            return not operation.local
        is_last = begun.local <= operation.local <= len(self._line(operation))
        return period.owner == operation.client and is_last

    def _at(self, operation: Operation, period: Period, begun: _Begun) -> Placed | None:
        value = self._line(operation)[operation.local - 1].value if operation.local else period.value
        if operation.value != value:
            self._no("OTHER_VALUE", operation, "what it returned is not the value of that version")
            return None
        died, partition = period.last(value).died, self._partition(operation)
        if not operation.grant:
            latest = self._log.latest(operation.key, operation.entry, operation.version).last(value).died
            return Placed(operation, partition, max(period.born, begun.floor), False, period.born, latest)
        place = self._log.granted(operation.key, operation.grant)
        if not place:
            self._no("NOT_IN_LOG", operation, f"nothing was granted as {operation.grant}")
        elif not period.born <= place < died:
            self._no("STALE_READ", operation, f"{operation.grant} was granted when it was of another version")
        elif place < begun.floor:
            self._no("REORDERED", operation, f"granted at {place}, before it began: {_why(begun)}")
        else:
            return Placed(operation, partition, place, True, place, place)
        return None

    def _over(self, operation: Operation, period: Period | None) -> str:
        if period is None:
            return "there was a value at all times since"
        if period.owner and period.owner != operation.client:
            return f"only {period.owner} could see it: it held the line Modified"
        if operation.local < len(self._line(operation)):
            return f"{len(self._line(operation))} local writes had been done"
        last = period.last(operation.value)
        over = (
            "" if last.following is None else f" ({last.following.cause}, version {last.following.version})"
        )
        return f"its version was over at {last.died}{over}"

    # ── writes ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _write(self, operation: Operation, begun: _Begun) -> Placed | None:
        period = next(self._log.periods(operation.key, operation.entry, operation.version), None)
        if period is None or not operation.version or period.writer != operation.client:
            self._no(
                "LOST_WRITE", operation, "it was told to be stored; the log has no such write of this client"
            )
        elif period.value != operation.value:
            self._no("OTHER_VALUE", operation, "the log has another value")
        elif period.born <= begun.floor:
            self._no("REORDERED", operation, f"in force at {period.born}, before it began: {_why(begun)}")
        else:
            return Placed(operation, self._partition(operation), period.born, True, period.born, period.died)
        return None

    def _local_write(self, operation: Operation, begun: _Begun) -> Placed | None:
        period = next(self._log.periods(operation.key, operation.entry, operation.version), None)
        key = (operation.key, operation.entry, operation.version)
        if period is None or period.owner != operation.client:
            self._no("LOST_WRITE", operation, "the log has no such line of this client")
        elif operation.local != len(self._line(operation)) + 1:
            self._no("REORDERED", operation, f"after {len(self._line(operation))} local writes")
        elif period.died <= begun.floor:
            self._no("REORDERED", operation, f"{self._over(operation, period)}; {_why(begun)}")
        else:
            self._lines.setdefault(key, []).append(operation)
            place = max(period.born, begun.floor)
            return Placed(operation, self._partition(operation), place, False, period.born, period.died)
        return None

    def _check_written_back(self) -> None:
        """What was written back is what was written last. `LineLost` may end a line, too, and says what it ends."""
        for (key, entry, version), writes in self._lines.items():
            for period in self._log.periods(key, entry, version):
                after = period.following if period.owner else None
                if after is not None and after.cause == WRITTEN_BACK and after.value != writes[-1].value:
                    self._no("LOST_WRITE", writes[-1], f"version {after.version} brought back another value")


def _why(begun: _Begun) -> str:
    if begun.seen is None:
        return "nothing had been seen before"
    return f"place {begun.floor} had been seen before it began, by {begun.seen}"
