"""Finding a circle of waits through one node. Pure and deterministic."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeAlias

from streams.processes.deadlocks.blockers import blockers, nearest_blockers
from streams.processes.deadlocks.edges import Edge, Node
from streams.processes.deadlocks.graph import WaitGraph

Successors: TypeAlias = Callable[[Node], Iterable[Edge]]


def cycle_through(graph: WaitGraph, node: Node) -> tuple[Edge, ...]:
    """Return a shortest circle among the nodes of one that goes through `node`, or nothing if there is none.

    The first walk takes few edges and may go from waiter to waiter through whole queues; the second, among the nodes
    of what the first found only, takes every short cut, for people read it.
    """
    if not graph.is_awaited(node):
        return ()
    found = _walk(node, lambda at: graph.edges_from(at, nearest_blockers))
    if not found:
        return ()
    nodes = {edge.node for edge in found}
    return _walk(node, lambda at: (e for e in graph.edges_from(at, blockers) if e.blocker in nodes))


def _walk(start: Node, successors: Successors) -> tuple[Edge, ...]:
    came: dict[Node, Edge] = {}
    queue = deque((start,))
    while queue:
        for edge in successors(queue.popleft()):
            if edge.blocker == start:
                return _back(start, came, edge)
            if edge.blocker not in came:
                came[edge.blocker] = edge
                queue.append(edge.blocker)
    return ()


def _back(start: Node, came: dict[Node, Edge], last: Edge) -> tuple[Edge, ...]:
    path = [last]
    while path[-1].node != start:
        path.append(came[path[-1].node])
    return tuple(reversed(path))
