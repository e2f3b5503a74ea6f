"""A persistent heap of tuples: a leftist tree, every step at worst logarithmic. Standard library only.

A node is (rank, item, left, right), an empty heap None.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

Item: TypeAlias = tuple[Any, ...]
Heap: TypeAlias = tuple[int, Item, Any, Any] | None

SLACK: Final = 64
"""How many items a heap may have beside twice those that matter, before it is made anew."""


def merge(a: Heap, b: Heap) -> Heap:
    """Return a heap of the items of both."""
    if a is None:
        return b
    if b is None:
        return a
    if b[1] < a[1]:
        a, b = b, a
    left, right = a[2], merge(a[3], b)
    if left is None or (right is not None and left[0] < right[0]):
        left, right = right, left
    return (1 if right is None else right[0] + 1, a[1], left, right)


def push(heap: Heap, item: Item) -> Heap:
    """Return the heap with one more item."""
    return merge(heap, (1, item, None, None))


def pop(heap: Heap) -> Heap:
    """Return the heap without its smallest item."""
    return None if heap is None else merge(heap[2], heap[3])


def heap_of(some: Iterable[Item]) -> Heap:
    """Return a heap of these items."""
    heap: Heap = None
    for item in sorted(some):
        heap = push(heap, item)
    return heap


def items(heap: Heap) -> Iterator[Item]:
    """Yield the items in no order."""
    nodes = [heap]
    while nodes:
        node = nodes.pop()
        if node is not None:
            yield node[1]
            nodes += node[2:]


def rising(heap: Heap) -> Iterator[Item]:
    """Yield the items in order."""
    while heap is not None:
        yield heap[1]
        heap = merge(heap[2], heap[3])
