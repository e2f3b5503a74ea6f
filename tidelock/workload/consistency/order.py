"""Whether the orders of several logs and several clocks fit together: they do if, joined, they have no cycle."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import groupby, pairwise
from typing import TypeAlias

from tidelock.workload.consistency.entry_log import FOREVER
from tidelock.workload.consistency.operations import Operation
from tidelock.workload.consistency.verdict import Verdict

Node: TypeAlias = Hashable
"""(partition, place), the index of an operation without a place of its own, or (clock, count) of its end."""


@dataclass(slots=True)
class Placed:
    """An operation with its point."""

    operation: Operation
    partition: int
    place: int
    is_event: bool
    """The point is an event of its own; else any between the two that follow."""
    born: int
    died: int


def find_cycle(placed: Iterable[Placed], verdict: Verdict) -> None:
    """Note a cycle, if there is one. Of one clock, or one partition, there can be none: the points are the order."""
    by_clock = {clock: list(each) for clock, each in groupby(placed, key=lambda each: each.operation.clock)}
    partitions = {each.partition for them in by_clock.values() for each in them}
    if len(by_clock) < 2 or len(partitions) < 2:
        return
    graph = _Graph()
    for clock, history in by_clock.items():
        graph.history(clock, history)
    graph.logs()
    cycle = graph.cycle()
    if cycle:
        told = "; before ".join(str(each.operation) for each in cycle)
        verdict.add(
            "CYCLE", cycle[0].operation, f"each is before the next, the last before the first: {told}"
        )


class _Graph:
    def __init__(self) -> None:
        self._sorter: TopologicalSorter[Node] = TopologicalSorter()
        self._placed: dict[Node, Placed] = {}
        self._places: dict[int, set[int]] = defaultdict(set)

    def history(self, clock: str, history: list[Placed]) -> None:
        """Add what one clock says."""
        moments = [(each.operation.began, 0, index) for index, each in enumerate(history)]
        moments += [(each.operation.ended, 1, index) for index, each in enumerate(history)]
        nodes = [self._add(each) for each in history]
        ends: list[Node] = []
        for count, is_end, index in sorted(moments):
            if not is_end:
                self._sorter.add(nodes[index], *ends)
                continue
            end = ("end", clock, count, index)
            self._sorter.add(end, nodes[index], *ends)
            ends = [end]

    def _add(self, each: Placed) -> Node:
        places = self._places[each.partition]
        node: Node
        if each.is_event:
            node = (each.partition, each.place)
            places.add(each.place)
        else:
            node = len(self._placed)
            self._sorter.add(node, (each.partition, each.born))
            places.add(each.born)
            if each.died < FOREVER:
                self._sorter.add((each.partition, each.died), node)
                places.add(each.died)
        self._placed[node] = each
        return node

    def logs(self) -> None:
        """Add what the logs say."""
        for partition, places in self._places.items():
            for before, after in pairwise(sorted(places)):
                self._sorter.add((partition, after), (partition, before))

    def cycle(self) -> list[Placed]:
        """Return the operations of a cycle, each before the next."""
        try:
            self._sorter.prepare()
        except CycleError as error:
            nodes: list[Node] = error.args[1]
            return [self._placed[node] for node in nodes[:-1] if node in self._placed]
        return []
