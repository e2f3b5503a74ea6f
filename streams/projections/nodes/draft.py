"""What the fold knows, and what one decision changes of it."""

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from streams.projections.nodes.services import Standing
from streams.projections.nodes.values import BrakeRow, NodeRow
from streams.projections.nodes.windows import NodeCounts
from streams.projections.table import Changes, Row, Table

T = TypeVar("T")


class Overlay(Generic[T]):
    """Things by key, and what becomes of them if the decision fits; None: nothing is left."""

    __slots__ = ("_known", "_new")

    def __init__(self, known: dict[str, T]) -> None:
        self._known = known
        self._new: dict[str, T | None] = {}

    def get(self, key: str) -> T | None:
        """Return what there is, as the decision has it so far."""
        return self._new[key] if key in self._new else self._known.get(key)

    def put(self, key: str, one: T | None) -> None:
        """Change it."""
        self._new[key] = one

    def changed(self) -> Iterator[tuple[T | None, T | None]]:
        """Yield what was, and what becomes of it."""
        for key, one in self._new.items():
            yield self._known.get(key), one

    def settle(self) -> None:
        """Let it be so."""
        for key, one in self._new.items():
            if one is None:
                self._known.pop(key, None)
            else:
                self._known[key] = one


class Standings:
    """All of a partition, by key; brakes by tenant."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeRow] = {}
        self.services: dict[str, Standing] = {}
        self.brakes: dict[str, BrakeRow] = {}


class Draft:
    """One decision in the making."""

    def __init__(self, standings: Standings) -> None:
        self.nodes = Overlay(standings.nodes)
        self.services = Overlay(standings.services)
        self.brakes = Overlay(standings.brakes)
        self.counts = NodeCounts()
        self._writes: list[Callable[[Changes], None]] = []

    def write(self, table: Table, row: Row, *, known: bool = False) -> None:
        """Write a row; `known`: in the place of another."""
        self._writes.append(
            lambda changes: changes.upsert(table, row) if known else changes.insert(table, row)
        )

    def delete(self, table: Table, *key: Any) -> None:
        """Remove a row."""
        self._writes.append(lambda changes: changes.delete(table, key))

    def settle(self, changes: Changes) -> None:
        """Let it be so."""
        for overlay in (self.nodes, self.services, self.brakes):
            overlay.settle()
        for write in self._writes:
            write(changes)
