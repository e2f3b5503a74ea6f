"""A persistent map from message numbers, in order. Numbers are given out rising, so it is dense where it is used.

Values are kept in tuples of 32 (leaves), so a message costs some ten bytes here, and one batch touches few of them;
pages of 1,024 leaves say where there are any, so gaps of millions are passed quickly. Values must be true.
Imports the standard library and `immutables` only.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Generic, TypeVar

from immutables import Map

from streams.domain.value import value

V = TypeVar("V")
BITS: Final = 5
WIDTH: Final = 1 << BITS
PAGE_BITS: Final = 10
PAGE: Final = 1 << PAGE_BITS
HOLES: Final[tuple[None, ...]] = (None,) * WIDTH


@value
class Numbered(Generic[V]):
    """Values by number."""

    leaves: Map[int, tuple[V | None, ...]]
    pages: Map[int, int]
    """How many leaves each page has."""
    low: int
    """No leaf's index is lower."""
    high: int
    """None is higher."""
    size: int

    def __len__(self) -> int:
        return self.size

    def __contains__(self, number: int) -> bool:
        leaf = self.leaves.get(number >> BITS)
        return leaf is not None and leaf[number % WIDTH] is not None

    def get(self, number: int) -> V | None:
        """Return the value of `number`, or None."""
        leaf = self.leaves.get(number >> BITS)
        return None if leaf is None else leaf[number % WIDTH]

    def after(self, number: int) -> Iterator[tuple[int, V]]:
        """Yield numbers above `number`, rising, each with its value."""
        start = number + 1
        for index in self._indices(max(start >> BITS, self.low)):
            base = index << BITS
            for place, found in enumerate(self.leaves[index]):
                if found is not None and base + place >= start:
                    yield base + place, found

    def _indices(self, index: int) -> Iterator[int]:
        while index <= self.high:
            if index >> PAGE_BITS not in self.pages:
                index = ((index >> PAGE_BITS) + 1) << PAGE_BITS
                continue
            if index in self.leaves:
                yield index
            index += 1

    def put(self, number: int, new: V) -> "Numbered[V]":
        """Return the map with one more, or another, value."""
        return self.put_all(number, (new,))

    def put_all(self, first: int, values: Sequence[V]) -> "Numbered[V]":
        """Return the map with `values` at the numbers from `first` on, of which it has none yet."""
        leaves, pages = self.leaves.mutate(), self.pages
        done, total, low, high = 0, len(values), self.low, self.high
        added = total
        while done < total:
            index, place = (first + done) >> BITS, (first + done) % WIDTH
            taken = values[done : done + WIDTH - place]
            leaf = leaves.get(index)
            if leaf is None:
                leaf = HOLES
                pages = pages.set(index >> PAGE_BITS, pages.get(index >> PAGE_BITS, 0) + 1)
                low, high = min(low, index), max(high, index)
            if total == 1 and leaf[place] is not None:
                added = 0
            leaves[index] = (*leaf[:place], *taken, *leaf[place + len(taken) :])
            done += len(taken)
        return Numbered(leaves.finish(), pages, low, high, self.size + added)

    def without(self, numbers: Iterable[int]) -> "Numbered[V]":
        """Return the map without `numbers`; those that are not in it do not matter."""
        leaves, pages, low, size = self.leaves.mutate(), self.pages, self.low, self.size
        index, leaf = -1, list[Any]()
        for number in numbers:
            if number >> BITS != index:
                pages = _close(leaves, pages, index, leaf)
                index = number >> BITS
                leaf = list(leaves.get(index, ()))
            if leaf and leaf[number % WIDTH] is not None:
                leaf[number % WIDTH] = None
                size -= 1
        pages = _close(leaves, pages, index, leaf)
        if not size:
            return NOTHING
        while low not in leaves:
            low = low + 1 if low >> PAGE_BITS in pages else ((low >> PAGE_BITS) + 1) << PAGE_BITS
        return Numbered(leaves.finish(), pages, low, self.high, size)


def _close(leaves: Any, pages: Map[int, int], index: int, leaf: list[Any]) -> Map[int, int]:
    """Put a changed leaf back, or away if nothing is left in it; return the pages then."""
    if not leaf:
        return pages
    if any(leaf):
        leaves[index] = tuple(leaf)
        return pages
    del leaves[index]
    left = pages[index >> PAGE_BITS] - 1
    return pages.set(index >> PAGE_BITS, left) if left else pages.delete(index >> PAGE_BITS)


NOTHING: Final[Numbered[Any]] = Numbered(Map(), Map(), 1 << 62, -1, 0)
