"""What clients did and saw, and the judgement of it: no stale read, and one order for all, by the order of the log.

A value's place is (number of the event that wrote it, count of local writes since): a total order an entry. What was
written to a Modified line that was lost unwritten is left out: only its owner saw it.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TypeAlias

from streams.domain.caches import events as e
from tests.property.caches.directory import Logged

Place: TypeAlias = tuple[int, int]
START: Place = (0, 0)


@dataclass(eq=False)
class Op:
    client: str
    thread: int
    kind: str
    entry: str
    value: bytes | None
    start: int
    end: int | None = None
    failed: bool = False
    order: int = 0
    expected: bytes | None = None
    """Of a conditional write: the value that it was to follow."""


@dataclass
class History:
    ops: list[Op] = field(default_factory=list)
    locals: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """Values written to Modified lines: token of the line, and the how manieth."""
    _counts: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    _values: int = 0

    def fresh(self) -> bytes:
        self._values += 1
        return b"v%d" % self._values

    def begin(self, client: str, thread: int, kind: str, entry: str, value: bytes | None, now: int) -> Op:
        op = Op(client, thread, kind, entry, value, now, order=len(self.ops))
        self.ops.append(op)
        return op

    def end(self, op: Op, value: bytes | None, now: int) -> None:
        op.value, op.end = value, now

    def unknown(self, op: Op, *, done: bool = True) -> None:
        """The client does not know what came of it; not `done`: it knows that nothing did."""
        op.failed = True

    def local(self, op: Op, token: int) -> None:
        assert op.value is not None
        self._counts[token] += 1
        self.locals[op.value] = (token, self._counts[token])

    def busy(self, client: str, thread: int) -> bool:
        return any(
            op.end is None and not op.failed and (op.client, op.thread) == (client, thread)
            for op in self.ops[-64:]
        )


class Judge:
    """Places every operation in the log's order, and looks for what cannot be."""

    def __init__(self, history: History, log: list[Logged]) -> None:
        self.places: dict[bytes, Place] = {}
        self.removals: dict[str, list[Place]] = defaultdict(lambda: [START])
        self.when: dict[Place, int] = {START: 0}
        lost: dict[int, bool] = {}
        waits: dict[int, e.WaitStarted] = {}
        for number, logged in enumerate(log, 1):
            self._place(number, logged, waits, lost)
        for value, (token, count) in history.locals.items():
            self.places[value] = (token, count)
        self.lost = {value for value, (token, _) in history.locals.items() if token in lost}
        self.ops = [op for op in history.ops if self._counts(op)]

    def _place(
        self, number: int, logged: Logged, waits: dict[int, e.WaitStarted], lost: dict[int, bool]
    ) -> None:
        place = (number, 0)
        self.when[place] = logged.at
        match logged.event:
            case e.WaitStarted() as wait:
                waits[wait.ticket] = wait
            case e.EntryWritten() as written:
                value = waits[written.ticket].value if written.ticket else written.value
                assert value is not None
                self.places[value] = place
            case e.EntryWrittenBack():
                pass  # its value has the place that its owner gave it
            case e.EntryDeleted() as deleted:
                self.removals[deleted.entry].append(place)
            case e.EntriesRemoved() as removed:
                for name in removed.entries:
                    self.removals[name].append(place)
            case e.LineLost() as line:
                lost[line.token] = True

    def _counts(self, op: Op) -> bool:
        return not op.failed and op.end is not None and (op.value is None or op.value not in self.lost)

    def stale_reads(self) -> list[str]:
        """Reads of a value older than one that was written, or read, before they began."""
        found = list[str]()
        for entry in {op.entry for op in self.ops}:
            done = sorted((op for op in self.ops if op.entry == entry), key=lambda op: (op.start, op.order))
            for index, op in enumerate(done):
                if op.kind != "read":
                    continue
                floor = max(
                    (self._at(o) for o in done[:index] if o.end is not None and o.end < op.start),
                    default=START,
                )
                if not self._can_be(op, floor):
                    found.append(f"{op} though {floor}")
        return found

    def _at(self, op: Op) -> Place:
        return START if op.value is None else self.places[op.value]

    def _can_be(self, op: Op, floor: Place) -> bool:
        if op.value is not None:
            return self.places[op.value] >= floor
        assert op.end is not None
        return any(place >= floor and self.when[place] <= op.end for place in self.removals[op.entry])

    def broken_conditions(self) -> list[str]:
        """Conditional writes that came after something else than what they were for."""
        found = list[str]()
        for op in self.ops:
            if op.expected is None or op.expected in self.lost:
                continue
            first, last = self.places[op.expected], self._at(op)
            others = [self.places[o.value] for o in self.ops if o.entry == op.entry and o.value is not None]
            between = [place for place in (*others, *self.removals[op.entry]) if first < place < last]
            if between:
                found.append(f"{op} though {between}")
        return found

    def cycle(self) -> bool:
        """Say whether no one order has every client's operations in its own order (sequential consistency)."""
        seen = [op for op in self.ops if op.value is not None and op.kind in ("read", "write")]
        after: dict[int, list[int]] = defaultdict(list)
        self._program_order(seen, after)
        for entry in {op.entry for op in seen}:
            groups: dict[Place, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
            for op in seen:
                if op.entry == entry:
                    groups[self._at(op)][op.kind == "read"].append(op.order)
            self._entry_order([groups[place] for place in sorted(groups)], after)
        return _has_cycle({op.order for op in seen}, after)

    @staticmethod
    def _program_order(seen: list[Op], after: dict[int, list[int]]) -> None:
        last: dict[tuple[str, int], int] = {}
        for op in sorted(seen, key=lambda op: op.order):
            if (op.client, op.thread) in last:
                after[last[op.client, op.thread]].append(op.order)
            last[op.client, op.thread] = op.order

    @staticmethod
    def _entry_order(groups: list[tuple[list[int], list[int]]], after: dict[int, list[int]]) -> None:
        before = list[int]()
        for writes, reads in groups:
            for one in before:
                after[one].extend(writes or reads)
            for one in writes:
                after[one].extend(reads)
            before = reads or writes or before


def _has_cycle(nodes: set[int], after: dict[int, list[int]]) -> bool:
    into: dict[int, int] = dict.fromkeys(nodes, 0)
    for node in nodes:
        for other in after[node]:
            into[other] += 1
    free = [node for node, count in into.items() if not count]
    done = 0
    while free:
        done += 1
        for other in after[free.pop()]:
            into[other] -= 1
            if not into[other]:
                free.append(other)
    return done < len(nodes)
