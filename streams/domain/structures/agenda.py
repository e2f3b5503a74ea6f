"""A persistent agenda: what is due when, earliest first. Anything can be moved or dropped.

What is dropped stays in the heap until it comes up or is more than half of it, so the heap is never much larger than
the agenda. Imports the standard library and `immutables` only.
"""

from collections.abc import Iterable
from typing import Any, Final, Generic, TypeVar

from immutables import Map

from streams.domain.structures.heap import SLACK, Heap, heap_of, pop, push
from streams.domain.value import value

K = TypeVar("K")


@value
class Agenda(Generic[K]):
    """When each of the keys is due."""

    times: Map[K, int]
    heap: Heap
    size: int
    """Of the heap."""

    def __len__(self) -> int:
        return len(self.times)

    @property
    def first(self) -> tuple[int, K] | None:
        """The earliest time and its key."""
        return None if self.heap is None else (self.heap[1][0], self.heap[1][1])

    def put(self, key: K, at: int) -> "Agenda[K]":
        """Return the agenda with `key` due at `at`, and at no other time."""
        return _tidy(self.times.set(key, at), push(self.heap, (at, key)), self.size + 1)

    def drop(self, keys: Iterable[K]) -> "Agenda[K]":
        """Return the agenda without `keys`; those that are not in it do not matter."""
        if not self.times:
            return self
        times = self.times.mutate()
        for key in keys:
            times.pop(key, None)
        return _tidy(times.finish(), self.heap, self.size)


NOTHING_DUE: Final[Agenda[Any]] = Agenda(Map(), None, 0)


def _tidy(times: Map[K, int], heap: Heap, size: int) -> Agenda[K]:
    if not times:
        return NOTHING_DUE
    if size > 2 * len(times) + SLACK:
        heap, size = heap_of((at, key) for key, at in times.items()), len(times)
    while heap is not None and times.get(heap[1][1]) != heap[1][0]:
        heap, size = pop(heap), size - 1
    return Agenda(times, heap, size)
