"""The most frequent items, with as many counters as one allows.

Space-saving (Metwally, Agrawal, El Abbadi: "Efficient computation of frequent and top-k elements in data streams",
2005), merged as Cafaro, Pulimeno and Tempesta do ("A parallel space saving algorithm for frequent items", 2016). Of n
events and m counters, `count - error <= true <= count` and `error <= n / m`; what has no counter came at most n / m
times. Up to m different items all is exact. Beyond, the counters depend on the order of arrival; the bound does not.
"""

from heapq import nsmallest
from typing import Any


class Frequent:
    """Counters of at most `capacity` items."""

    __slots__ = ("_count", "_least", "capacity", "counters")

    def __init__(self, capacity: int, counters: dict[str, tuple[int, int]] | None = None) -> None:
        self.capacity = capacity
        self.counters = {} if counters is None else counters
        """Item -> (count, error)."""
        self._count, self._least = 0, list[str]()
        """The least count, and the items that had it, when that was last looked for; the first by name is the last."""

    def add(self, item: str) -> None:
        """Count an item."""
        counters = self.counters
        known = counters.get(item)
        if known is not None:
            counters[item] = (known[0] + 1, known[1])
        elif len(counters) < self.capacity:
            counters[item] = (1, 0)
        else:
            floor, _ = counters.pop(self._first_of_least())
            counters[item] = (floor + 1, floor)

    def _first_of_least(self) -> str:
        """Return the item with the least count, of several the first by name.

        What is added has more than the least count, so the items that have it only become fewer.
        """
        counters, least = self.counters, self._least
        while least:
            item = least.pop()
            if item in counters and counters[item][0] == self._count:
                return item
        self._count = min([count for count, _ in counters.values()])
        self._least = sorted(
            [item for item, (count, _) in counters.items() if count == self._count], reverse=True
        )
        return self._least.pop()

    def merge(self, other: "Frequent") -> None:
        """Count all that `other` counted."""
        mine, others = self._floor, other._floor
        merged: dict[str, tuple[int, int]] = {}
        for item in self.counters.keys() | other.counters.keys():
            count, error = self.counters.get(item, (mine, mine))
            more, doubt = other.counters.get(item, (others, others))
            merged[item] = (count + more, error + doubt)
        self.counters, self._least = dict(nsmallest(self.capacity, merged.items(), key=_rank)), []

    def top(self, k: int) -> list[tuple[str, int, int]]:
        """Return the first `k` as (item, count, error), by count, then item."""
        return [(item, *counted) for item, counted in nsmallest(k, self.counters.items(), key=_rank)]

    def plain(self) -> list[list[str | int]]:
        """Return it in JSON's types: [item, count, error] by count, then item."""
        return [[item, *counted] for item, counted in sorted(self.counters.items(), key=_rank)]

    @property
    def _floor(self) -> int:
        """What an item without a counter may have come, at most."""
        full = len(self.counters) >= self.capacity
        return min(count for count, _ in self.counters.values()) if full else 0


def of_plain(capacity: int, plain: Any) -> Frequent:
    """Return what `Frequent.plain` made this of."""
    return Frequent(capacity, {item: (count, error) for item, count, error in plain})


def _rank(counter: tuple[str, tuple[int, int]]) -> tuple[int, str]:
    item, (count, _) = counter
    return -count, item
