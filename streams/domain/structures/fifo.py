"""A persistent line, first in, first out: items by position, in tuples of 32, under a map of tuples.

Imports the standard library and `immutables` only.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Generic, TypeVar

from immutables import Map

from streams.domain.value import value

T = TypeVar("T")
BITS: Final = 5
WIDTH: Final = 1 << BITS


@value
class Fifo(Generic[T]):
    """Items at the positions `first` to `last`, the latter excluded."""

    chunks: Map[int, tuple[T, ...]]
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first

    def __iter__(self) -> Iterator[T]:
        chunks, position, last = self.chunks, self.first, self.last
        while position < last:
            for item in chunks[position >> BITS][position % WIDTH :]:
                yield item
                position += 1

    def __getitem__(self, index: int) -> T:
        position = self.first + index if index >= 0 else self.last + index
        if not self.first <= position < self.last:
            raise IndexError(f"item {index} of a line of {len(self)}")
        return self.chunks[position >> BITS][position % WIDTH]

    def extended(self, items: Sequence[T]) -> "Fifo[T]":
        """Return the line with `items` behind it."""
        if not items:
            return self
        last = self.last
        index, kept = last >> BITS, last % WIDTH
        tail = (*self.chunks[index][:kept], *items) if kept else tuple(items)
        if len(tail) <= WIDTH:
            return Fifo(self.chunks.set(index, tail), self.first, last + len(items))
        chunks = self.chunks.mutate()
        for start in range(0, len(tail), WIDTH):
            chunks[index] = tail[start : start + WIDTH]
            index += 1
        return Fifo(chunks.finish(), self.first, last + len(items))

    def without_first(self, count: int) -> "Fifo[T]":
        """Return the line that the first `count` have left."""
        if not count:
            return self
        first = self.first + count
        if first >= self.last:
            return EMPTY
        old, new = self.first >> BITS, first >> BITS
        if old == new:
            return Fifo(self.chunks, first, self.last)
        chunks = self.chunks.mutate()
        for index in range(old, new):
            del chunks[index]
        return Fifo(chunks.finish(), first, self.last)


EMPTY: Final[Fifo[Any]] = Fifo(Map(), 0, 0)
