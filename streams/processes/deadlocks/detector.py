"""The detector: which circles are real, and who has to give way. Pure: no clock, no I/O.

The tails of several partitions are never of one moment, so a circle that is seen need not have been one. It is
confirmed thus: once all its edges are seen, a barrier goes to each of its partitions. When the tail has come as far as
each barrier, and every edge is as it was (the same ticket behind the same token or ticket), all of them stood at the
moment the barriers were sent: a deadlock. Else the candidate is dropped, and its node looked at again.

The youngest transaction gives way: the greatest start, then id. Circles that meet are broken one after the other,
as one victim may break several; a partition without an owner holds up the circles that meet one of its own.
Several detectors may run: the abort names a ticket, and a second one finds it gone.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from streams.domain.locks.commands import Transaction, WaitEdge
from streams.domain.locks.limits import MAX_CYCLE
from streams.domain.locks.state import Lock
from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.processes.deadlocks.cycles import cycle_through
from streams.processes.deadlocks.edges import Edge, Node, as_logged, name_of
from streams.processes.deadlocks.graph import WaitGraph

MAX_CANDIDATES: Final = 1000
"""So many circles are under way at most; further ones are looked for when these are over."""


@value
class SendBarrier:
    """Effect: send a barrier through `where`, and tell its number to `passed`."""

    candidate: int
    where: PartitionId


@value
class Abort:
    """Effect: end the wait `ticket` on the lock `name`. The log tells when that is done."""

    candidate: int
    where: PartitionId
    name: str
    ticket: int
    cycle: tuple[WaitEdge, ...]
    """Begins with the victim. Of one longer than `MAX_CYCLE` its first edges."""


Effect: TypeAlias = SendBarrier | Abort


class Counts:
    """What became of the circles so far."""

    def __init__(self) -> None:
        self.found = 0
        self.confirmed = 0
        self.dropped = 0
        self.broken = 0
        """Of the confirmed: whose victim waits no longer, for whatever reason."""

    def by_outcome(self) -> dict[str, int]:
        """Return them by name."""
        return vars(self).copy()


class Candidate:
    """A circle that was seen: first to be confirmed, then broken."""

    def __init__(self, origin: Node, edges: tuple[Edge, ...]) -> None:
        self.origin = origin
        self.edges = edges
        self.victim = youngest(edges)
        self.barriers: dict[PartitionId, int | None] = dict.fromkeys(edge.wait.where for edge in edges)
        """The number of the next event behind each barrier, once it is known."""
        self.confirmed = False

        self._nodes = {edge.node for edge in edges}

    def meets(self, nodes: Iterable[Node]) -> bool:
        """Say whether one of `nodes` is in this circle, too."""
        return not self._nodes.isdisjoint(nodes)


class DeadlockDetector:
    """Folds what the logs say; `look` returns what there is to do. Driven by one task."""

    def __init__(self, max_candidates: int = MAX_CANDIDATES) -> None:
        self.counts = Counts()
        self.graph = WaitGraph()
        self.candidates: dict[int, Candidate] = {}
        self._events: dict[PartitionId, int] = {}
        self._postponed: dict[Node, None] = {}
        self._last = 0
        self._max_candidates = max_candidates

    def restore(self, where: PartitionId, events: int, locks: Mapping[str, Lock]) -> None:
        """Begin a partition with its `locks` as they stood after so many events."""
        self._events[where] = events
        self.graph.restore(where, locks)

    def fold(self, where: PartitionId, events: int, changes: Iterable[tuple[str, Any]]) -> None:
        """Fold the (key, event) pairs of one accepted commit; after it the partition has had so many events."""
        for key, event in changes:
            self.graph.fold(where, key, event)
        self._events[where] = events

    def look(self) -> list[Effect]:
        """Return what follows from all that was folded: aborts, and barriers for new candidates."""
        effects: list[Effect] = []
        for number in list(self.candidates):
            effects += self._review(number)
        changed, self.graph.changed = self.graph.changed, {}
        for node in changed:
            effects += self._search(node)
        return effects

    def passed(self, barrier: SendBarrier, number: int) -> list[Effect]:
        """Take the answer to a barrier: the number of the partition's next event. Return what there is to do."""
        candidate = self.candidates.get(barrier.candidate)
        if candidate is not None:
            candidate.barriers[barrier.where] = number
        return self.look()

    def wants(self, effect: Effect) -> bool:
        """Say whether it still matters that `effect` is done."""
        candidate = self.candidates.get(effect.candidate)
        if isinstance(effect, Abort):
            return candidate is not None
        return candidate is not None and candidate.barriers[effect.where] is None

    def _search(self, node: Node) -> Iterator[Effect]:
        if self._is_under_way((node,)) or len(self.candidates) >= self._max_candidates:
            self._postponed[node] = None
            return
        edges = cycle_through(self.graph, node)
        if self._is_under_way(edge.node for edge in edges):
            self._postponed[node] = None
        elif edges:
            yield from self._begin(node, edges)

    def _begin(self, node: Node, edges: tuple[Edge, ...]) -> Iterator[Effect]:
        self._last += 1
        candidate = self.candidates[self._last] = Candidate(node, edges)
        self.counts.found += 1
        yield from [SendBarrier(self._last, where) for where in candidate.barriers]

    def _is_under_way(self, nodes: Iterable[Node]) -> bool:
        wanted = list(nodes)
        return any(candidate.meets(wanted) for candidate in self.candidates.values())

    def _review(self, number: int) -> Iterator[Effect]:
        candidate = self.candidates[number]
        if candidate.confirmed:
            if not self.graph.is_waiting(candidate.victim.wait):
                self.counts.broken += 1
                self._close(number)
        elif not all(map(self.graph.stands, candidate.edges)):
            self.counts.dropped += 1
            self._close(number)
        elif self._is_past(candidate):
            candidate.confirmed = True
            self.counts.confirmed += 1
            yield _abort(number, candidate)

    def _is_past(self, candidate: Candidate) -> bool:
        """Say whether the tail has come as far as every barrier."""
        return all(
            number is not None and self._events.get(where, 0) >= number - 1
            for where, number in candidate.barriers.items()
        )

    def _close(self, number: int) -> None:
        """Forget a candidate; what it may have hidden is looked at again."""
        self.graph.changed[self.candidates.pop(number).origin] = None
        self.graph.changed.update(self._postponed)
        self._postponed = {}


def youngest(edges: tuple[Edge, ...]) -> Edge:
    """Return the edge of the transaction that gives way: the greatest start, then id. There always is one."""

    def age(edge: Edge) -> tuple[bool, int, str]:
        one: Transaction | None = edge.transaction
        return (False, 0, "") if one is None else (True, one.started_ms, one.id)

    return max(edges, key=age)


def _abort(number: int, candidate: Candidate) -> Abort:
    wait, first = candidate.victim.wait, candidate.edges.index(candidate.victim)
    cycle = (*candidate.edges[first:], *candidate.edges[:first])[:MAX_CYCLE]
    return Abort(number, wait.where, name_of(wait.key), wait.ticket, tuple(map(as_logged, cycle)))
