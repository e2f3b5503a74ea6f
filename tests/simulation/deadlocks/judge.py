"""The judge: folds every log at the instant each record lands, and so knows all waits of one moment."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

from streams.domain.locks.commands import WaitEdge
from streams.domain.locks.decider import evolve
from streams.domain.locks.events import LockGranted, LockWaitAborted, LockWaitStarted
from streams.domain.locks.kind import LOCKS
from streams.domain.locks.state import FREE, Lock
from streams.log.accepted import CommitReader
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.reader import LogHalt
from streams.log.vocabulary import Vocabulary
from tests.property.processes import naive
from tests.simulation.loop import SimLoop

OVERDUE_S = 6.0
"""In peace no circle stands so long."""


@dataclass(slots=True)
class Span:
    """From when to when, in true time."""

    since: float
    until: float = inf


class Judge:
    """Collects violations; the first one ends the history."""

    def __init__(self, loop: SimLoop, vocabulary: Vocabulary, partitions: tuple[PartitionId, ...]) -> None:
        self.violations: list[str] = []
        self.aborts = 0
        self.decisions = 0
        self._loop = loop
        self._readers = {where: CommitReader(where, vocabulary) for where in partitions}
        self._locks: dict[PartitionId, dict[str, Lock]] = {where: {} for where in partitions}
        self._stood: dict[tuple[PartitionId, WaitEdge], Span] = {}
        self._standing: dict[tuple[PartitionId, str], set[WaitEdge]] = {}
        self._starts: dict[str, int] = {}
        self._in_circle: dict[tuple[PartitionId, int], float] = {}

    def fail(self, what: str) -> None:
        """Note a violation and end the history."""
        self.violations.append(f"{self._loop.now:.4f} s: {what}")
        self._loop.halted = True

    def landed(self, where: PartitionId, stored: Stored) -> None:
        """A record stands in a log."""
        try:
            accepted = self._readers[where].read(stored)
        except LogHalt as halt:
            self.fail(f"a reader halts: {halt}")
            return
        if accepted is None:
            return
        for decided in accepted.decided:
            self.decisions += 1
            for event in decided.events:
                self._event(where, decided.decision.key, event)
        for key in {one.decision.key for one in accepted.decided if one.events}:
            self._look_at(where, key)

    def _event(self, where: PartitionId, key: str, event: Any) -> None:
        if type(event) not in LOCKS.events:
            return
        if isinstance(event, LockWaitAborted):
            self._aborted(where, event)
        if isinstance(event, LockGranted | LockWaitStarted) and event.terms and event.terms.transaction:
            self._starts[event.terms.transaction.id] = event.terms.transaction.started_ms
        locks = self._locks[where]
        locks[key] = evolve(locks.get(key, FREE), event)

    def _look_at(self, where: PartitionId, key: str) -> None:
        now = {edge for edge, _, _ in naive.edges(where, key, self._locks[where][key])}
        before = self._standing.get((where, key), set())
        self._standing[where, key] = now
        for edge in before - now:
            self._stood[where, edge].until = self._loop.now
        for edge in now - before:
            if (where, edge) in self._stood:
                self.fail(f"{edge} stands a second time: no name of an edge is used again")
            self._stood[where, edge] = Span(self._loop.now)

    def _aborted(self, where: PartitionId, event: LockWaitAborted) -> None:
        self.aborts += 1
        cycle = event.cycle
        spans = [span for edge in cycle if (span := self._span(edge)) is not None]
        if len(spans) < len(cycle):
            self.fail(f"{event} names an edge that never stood")
        elif max(span.since for span in spans) > min(span.until for span in spans):
            self.fail(f"false abort: at no moment did all of {cycle} stand")
        follows = zip(cycle, (*cycle[1:], cycle[0]), strict=True)
        if any(one.blocker != next_.transaction for one, next_ in follows):
            self.fail(f"{cycle} is no circle")
        ages = [(self._starts[edge.transaction], edge.transaction) for edge in cycle if edge.transaction]
        if not ages or event.ticket != cycle[0].ticket or max(ages)[1] != cycle[0].transaction:
            self.fail(f"{event} takes another than the youngest of {sorted(ages)}")

    def _span(self, edge: WaitEdge) -> Span | None:
        return next((span for where in self._locks if (span := self._stood.get((where, edge)))), None)

    def look_for_overdue(self) -> None:
        """Fail on a wait that is in a circle, and has been at every look for too long."""
        edges = list(self._all_edges())
        circular = naive.circular((one, other) for _, _, one, other in edges)
        now = {(where, edge.ticket) for where, edge, one, other in edges if {one, other} <= circular}
        self._in_circle = {wait: self._in_circle.get(wait, self._loop.now) for wait in now}
        for wait, since in self._in_circle.items():
            if self._loop.now - since > OVERDUE_S:
                self.fail(f"missed deadlock: {wait} is in a circle since {since:.2f} s: {edges}")
                return

    def _all_edges(self) -> Iterator[tuple[PartitionId, WaitEdge, naive.Node, naive.Node]]:
        for where, locks in self._locks.items():
            for key, lock in locks.items():
                for edge, one, other in naive.edges(where, key, lock):
                    yield where, edge, one, other
