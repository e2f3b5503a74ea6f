"""Planted bugs of the detector; each must be found."""

from collections.abc import Iterator
from typing import Any

from streams.domain.locks.state import Lock
from streams.processes.deadlocks import cycles, detector, graph
from streams.processes.deadlocks.blockers import Blocker, blockers
from streams.processes.deadlocks.detector import Candidate, DeadlockDetector
from streams.processes.deadlocks.edges import Edge
from streams.processes.deadlocks.graph import WaitGraph
from tests.simulation.mutants.mutant import Mutant

_search = DeadlockDetector._search


def _holders(lock: Lock, index: int) -> Iterator[Blocker]:
    return (one for one in blockers(lock, index) if one in lock.holders)


def _ticket_waits(self: WaitGraph, edge: Edge) -> bool:
    return self.is_waiting(edge.wait)


def _oldest(edges: tuple[Edge, ...]) -> Edge:
    own = [edge for edge in edges if edge.transaction is not None]
    return min(own, key=lambda edge: (edge.transaction.started_ms, edge.transaction.id))  # type: ignore[union-attr]


def _answers_are_enough(self: DeadlockDetector, candidate: Candidate) -> bool:
    return None not in candidate.barriers.values()


def _before_the_edges(self: DeadlockDetector, node: Any) -> Iterator[Any]:
    """The barrier counts as sent when the first edge was seen: wherever the tail was then, it has passed it."""
    for effect in _search(self, node):
        self.candidates[effect.candidate].barriers[effect.where] = 1
        yield effect


def _forgets(self: DeadlockDetector, number: int) -> None:
    self.candidates.pop(number)


MUTANTS = (
    Mutant(
        "unconfirmed edges",
        "a circle that is seen is taken for a deadlock",
        lambda: [(DeadlockDetector, "_is_past", lambda *_: True)],
        first_history=82,
    ),
    Mutant(
        "confirmation of tickets alone",
        "whether the blocker is still the same is not looked at",
        lambda: [(WaitGraph, "stands", _ticket_waits)],
        first_history=84,
    ),
    Mutant(
        "missing queue edges",
        "nobody is taken to wait for those who queue before",
        lambda: [
            (graph, "blockers", _holders),
            (cycles, "blockers", _holders),
            (cycles, "nearest_blockers", _holders),
        ],
        first_history=73,
    ),
    Mutant("wrong victim", "the oldest gives way", lambda: [(detector, "youngest", _oldest)]),
    Mutant(
        "barrier not awaited by the tail",
        "a barrier's answer is enough, however far the tail is behind it",
        lambda: [(DeadlockDetector, "_is_past", _answers_are_enough)],
        first_history=82,
    ),
    Mutant(
        "barrier before the edges",
        "the barriers were sent before all edges were seen",
        lambda: [(DeadlockDetector, "_search", _before_the_edges)],
        first_history=46,
    ),
    Mutant(
        "what was dropped is forgotten",
        "when a circle is over, its node is not looked at again",
        lambda: [(DeadlockDetector, "_close", _forgets)],
        first_history=73,
    ),
)
