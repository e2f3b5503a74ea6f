"""A mergeable sketch of durations: quantiles within 1 %, in whole numbers only.

DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB
2019) with gamma = 101/99. The bounds between its buckets are computed exactly, so every machine counts a value in the
same one. Up to 50 ms each millisecond has a bucket of its own.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate

_LIMIT_MS = 1 << 42
"""140 years: whatever lasts longer counts as this."""


def _bounds() -> Iterator[int]:
    yield 0
    power, root, last = 1, 1, 0
    while last < _LIMIT_MS:
        if power // root > last:
            last = power // root
            yield last
        power, root = power * 101, root * 99


BOUNDS: tuple[int, ...] = tuple(_bounds())
"""Bucket i counts what is above bound i - 1, up to bound i."""


def bucket_of(duration_ms: int) -> int:
    """Return the bucket that counts `duration_ms`."""
    return bisect_left(BOUNDS, duration_ms) if duration_ms < _LIMIT_MS else len(BOUNDS) - 1


class Sketch:
    """How many values fell into each bucket."""

    __slots__ = ("buckets",)

    def __init__(self, buckets: dict[int, int] | None = None) -> None:
        self.buckets = {} if buckets is None else buckets

    def add(self, duration_ms: int, times: int = 1) -> None:
        """Count a duration so many times; one below 0 counts as 0."""
        bucket = bucket_of(duration_ms)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + times

    def merge(self, other: "Sketch") -> None:
        """Count all that `other` counted."""
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count

    @property
    def count(self) -> int:
        """How many values it counted."""
        return sum(self.buckets.values())

    def quantile(self, per_mille: int) -> float | None:
        """Return the value below which `per_mille` of 1,000 lie, within 1 %; None if there are none.

        It stands for the value of rank `per_mille * (count - 1) // 1000` among the sorted, from 0.
        """
        (told,) = self.quantiles(per_mille)
        return told

    def quantiles(self, *per_mille: int) -> tuple[float | None, ...]:
        """Return `quantile` of each, in one go."""
        if not self.buckets:
            return (None,) * len(per_mille)
        places = sorted(self.buckets)
        up_to = list(accumulate(map(self.buckets.__getitem__, places)))
        last = up_to[-1] - 1
        return tuple([_middle(places[bisect_right(up_to, each * last // 1000)]) for each in per_mille])

    def dumps(self) -> str:
        """Return it as JSON: a list of [bucket, count], by bucket."""
        return json.dumps(sorted(self.buckets.items()), separators=(",", ":"))


def loads(text: str) -> Sketch:
    """Return the sketch that `Sketch.dumps` wrote."""
    return Sketch(dict(json.loads(text)))


def _middle(bucket: int) -> float:
    """The value that is equally wrong, relatively, for both ends of the bucket."""
    if not bucket:
        return 0.0
    lowest, highest = BOUNDS[bucket - 1] + 1, BOUNDS[bucket]
    return 2 * lowest * highest / (lowest + highest)
