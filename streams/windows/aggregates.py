"""What one window computes of its events: commutative monoids whose states merge and can be stored.

Numbers are whole, so that every order of adding and merging gives the same; a mean becomes a float at the very end.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from streams.windows import distinct, frequent
from streams.windows.distinct import Distinct
from streams.windows.errors import NotCountable, WrongWindows
from streams.windows.frequent import Frequent
from streams.windows.sketch import Sketch, bucket_of

Of = Callable[[Any], Any]
"""What an aggregate takes of an event's value; None: nothing, this event is not for it."""
_LIMIT: Final = 1 << 63
MAX_ITEM_CHARS: Final = 256
_TABLED: Final = 8_192
_BUCKETS: Final = tuple(map(bucket_of, range(_TABLED)))
"""The buckets of what mostly comes: a look-up costs less than a search."""
encode = json.JSONEncoder(separators=(",", ":")).encode


@lru_cache(maxsize=_TABLED)
def _pair(bucket: int, count: int) -> str:
    """Return a bucket and its count as JSON. Counts are mostly small: the same pairs come again and again."""
    return f"{bucket},{count}"


class Aggregate(ABC):
    """A commutative monoid. `add` and `merge` return the new state, and may change the one they were given."""

    def __init__(self, of: Of | None = None) -> None:
        self._of = of
        if of is None:
            self.piece = self.lift  # type: ignore[method-assign]  # one call less for each event

    def piece(self, value: Any) -> Any:
        """Return what `add` takes of an event's value, None for nothing. May raise; nothing has changed then."""
        own = None if self._of is None else self._of(value)
        return None if own is None else self.lift(own)

    @abstractmethod
    def zero(self) -> Any:
        """Return the state of no events."""

    @abstractmethod
    def lift(self, value: Any) -> Any:
        """Return what `add` takes of a value. Raises `NotCountable`."""

    @abstractmethod
    def add(self, state: Any, piece: Any) -> Any:
        """Count one event."""

    @property
    def adder(self) -> Callable[[list[Any], Any], None]:
        """What counts an event's value in the first of some states: `piece` and `add` in one call."""
        piece, add = self.piece, self.add

        def add_to_first(states: list[Any], value: Any) -> None:
            own = piece(value)
            if own is not None:
                states[0] = add(states[0], own)

        return add_to_first

    @abstractmethod
    def merge(self, state: Any, other: Any) -> Any:
        """Count all that `other` counted; `other` stays as it is."""

    def result(self, state: Any) -> Any:
        """Return what is told."""
        return state

    def dumps(self, state: Any) -> str:
        """Return the state as JSON."""
        return encode(state)

    def loads(self, plain: Any) -> Any:
        """Return the state of what JSON made of `dumps`."""
        return plain

    def __repr__(self) -> str:
        return type(self).__name__


class Count(Aggregate):
    """How many events; with `of`, those for which it is not None."""

    def zero(self) -> int:
        """Return 0."""
        return 0

    def lift(self, value: Any) -> int:  # noqa: ARG002
        """Return 1."""
        return 1

    def add(self, state: int, piece: int) -> int:
        """Add."""
        return state + piece

    def merge(self, state: int, other: int) -> int:
        """Add."""
        return state + other

    def dumps(self, state: int) -> str:
        """Return it."""
        return str(state)


class Sum(Count):
    """The sum of whole numbers."""

    def lift(self, value: Any) -> int:
        """Return the number. Raises `NotCountable`."""
        return whole(value)


class Mean(Aggregate):
    """The mean of whole numbers, a float; of nothing None."""

    def zero(self) -> tuple[int, int]:
        """Return sum and count of nothing."""
        return (0, 0)

    def lift(self, value: Any) -> int:
        """Return the number. Raises `NotCountable`."""
        return whole(value)

    def add(self, state: tuple[int, int], piece: int) -> tuple[int, int]:
        """Add a number."""
        return (state[0] + piece, state[1] + 1)

    def merge(self, state: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
        """Add sums and counts."""
        return (state[0] + other[0], state[1] + other[1])

    def result(self, state: tuple[int, int]) -> float | None:
        """Return the mean."""
        return state[0] / state[1] if state[1] else None

    def loads(self, plain: Any) -> tuple[int, int]:
        """Return sum and count."""
        return (plain[0], plain[1])


class Min(Aggregate):
    """The least of whole numbers; of nothing None."""

    def zero(self) -> None:
        """Return None."""
        return

    def lift(self, value: Any) -> int:
        """Return the number. Raises `NotCountable`."""
        return whole(value)

    def add(self, state: int | None, piece: int) -> int:
        """Return the lesser one."""
        return piece if state is None or piece < state else state

    def merge(self, state: int | None, other: int | None) -> int | None:
        """Return the lesser one."""
        return state if other is None else self.add(state, other)


class Max(Min):
    """The greatest of whole numbers; of nothing None."""

    def add(self, state: int | None, piece: int) -> int:
        """Return the greater one."""
        return piece if state is None or piece > state else state


class Percentiles(Aggregate):
    """Percentiles within 1 % (`streams.windows.sketch`); below 0 counts as 0. A tuple in the order asked for."""

    def __init__(self, of: Of | None = None, per_mille: tuple[int, ...] = (500, 950, 990)) -> None:
        super().__init__(of)
        if not per_mille or not all(0 <= each <= 1000 for each in per_mille):
            raise WrongWindows(f"per_mille={per_mille}: give at least one from 0 to 1000.")
        self._per_mille = per_mille

    def zero(self) -> Sketch:
        """Return an empty sketch."""
        return Sketch()

    def lift(self, value: Any) -> int:
        """Return the bucket. Raises `NotCountable`."""
        if type(value) is int and 0 <= value < _TABLED:
            return _BUCKETS[value]
        return bucket_of(whole(value))

    def add(self, state: Sketch, piece: int) -> Sketch:
        """Count in the bucket."""
        buckets = state.buckets
        buckets[piece] = buckets.get(piece, 0) + 1
        return state

    @property
    def adder(self) -> Callable[[list[Any], Any], None]:
        """The same; of plain values, of which there are many, without a further call."""
        if self._of is not None:
            return super().adder
        lift = self.lift

        def add_to_first(states: list[Any], value: Any) -> None:
            tabled = type(value) is int and 0 <= value < _TABLED
            bucket = _BUCKETS[value] if tabled else lift(value)
            buckets = states[0].buckets
            buckets[bucket] = buckets.get(bucket, 0) + 1

        return add_to_first

    def merge(self, state: Sketch, other: Sketch) -> Sketch:
        """Add the buckets."""
        state.merge(other)
        return state

    def result(self, state: Sketch) -> tuple[float | None, ...]:
        """Return the percentiles."""
        return state.quantiles(*self._per_mille)

    def dumps(self, state: Sketch) -> str:
        """Return bucket, count, bucket, count and so on, by bucket."""
        buckets = state.buckets
        places = sorted(buckets)  # numbers sort in a fraction of the time that pairs do
        return f"[{','.join(map(_pair, places, map(buckets.__getitem__, places)))}]"

    def loads(self, plain: Any) -> Sketch:
        """Return the sketch."""
        return Sketch(dict(zip(plain[::2], plain[1::2], strict=True)))

    def __repr__(self) -> str:
        return f"Percentiles{self._per_mille}"


class CountDistinct(Aggregate):
    """How many different str, bytes or int: exact up to 128, then within about 2 % (`streams.windows.distinct`)."""

    def zero(self) -> Distinct:
        """Return the empty set."""
        return Distinct()

    def lift(self, value: Any) -> int:
        """Return the hash. Raises `NotCountable`."""
        return distinct.hash_of(value)

    def add(self, state: Distinct, piece: int) -> Distinct:
        """Add a hash."""
        state.add(piece)
        return state

    def merge(self, state: Distinct, other: Distinct) -> Distinct:
        """Unite."""
        state.merge(other)
        return state

    def result(self, state: Distinct) -> int:
        """Return how many."""
        return state.count

    def dumps(self, state: Distinct) -> str:
        """Return hashes, or registers."""
        return encode(state.plain())

    def loads(self, plain: Any) -> Distinct:
        """Return the set."""
        return distinct.of_plain(plain)


class TopK(Aggregate):
    """The `k` most frequent strings as (item, count, error): `count - error <= true <= count`; see `frequent`."""

    def __init__(self, k: int, of: Of | None = None, capacity: int | None = None) -> None:
        super().__init__(of)
        self._k, self._capacity = k, 8 * k if capacity is None else capacity
        if not 1 <= k <= self._capacity <= 4096:
            raise WrongWindows(f"top {k} of {self._capacity} counters: 1 <= k <= capacity <= 4096.")

    def zero(self) -> Frequent:
        """Return no counters."""
        return Frequent(self._capacity)

    def lift(self, value: Any) -> str:
        """Return the item. Raises `NotCountable`."""
        if type(value) is not str or len(value) > MAX_ITEM_CHARS:
            raise NotCountable(value)
        return value

    def add(self, state: Frequent, piece: str) -> Frequent:
        """Count an item."""
        state.add(piece)
        return state

    def merge(self, state: Frequent, other: Frequent) -> Frequent:
        """Add the counters."""
        state.merge(other)
        return state

    def result(self, state: Frequent) -> list[tuple[str, int, int]]:
        """Return the first k."""
        return state.top(self._k)

    def dumps(self, state: Frequent) -> str:
        """Return all counters."""
        return encode(state.plain())

    def loads(self, plain: Any) -> Frequent:
        """Return the counters."""
        return frequent.of_plain(self._capacity, plain)

    def __repr__(self) -> str:
        return f"TopK({self._k} of {self._capacity})"


def whole(value: Any) -> int:
    """Return `value` if it is a whole number of 64 bits. Raises `NotCountable`."""
    if type(value) is int and -_LIMIT < value < _LIMIT:
        return value
    raise NotCountable(value)
