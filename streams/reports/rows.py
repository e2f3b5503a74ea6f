"""From two looks at a registry to the rows of a measurement. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf
from typing import Any, Final, TypeAlias

from streams.projections.table import Row
from streams.reports.measurement import PERCENTILES, Counted, Lasting, Measurement, Only, Standing, Together
from streams.reports.quantiles import quantile
from streams.reports.registry import Labels, Readings

Tags: TypeAlias = tuple[str, ...]
SLOW_S: Final = 1.0
_TOGETHER: Final[Mapping[Together, Callable[[list[float]], float]]] = {"sum": sum, "max": max, "count": len}


class Rows:
    """What one process tells under one name."""

    def __init__(self, measurement: Measurement, who: Mapping[str, str]) -> None:
        """`who`: the tags that are the process's own, `process` and `role`."""
        self.table = measurement.table
        self._measurement, self._who = measurement, who
        called = dict(measurement.labels)
        self._labels = [called.get(tag, tag) for tag in measurement.tags]

    def of(self, start_ms: int, before: Readings, now: Readings) -> list[Row]:
        """Return what was counted between the two looks and how things stand at the second, a row a set of tags."""
        told, found = self._measurement, defaultdict[Tags, dict[str, Any]](dict)
        for counted in told.counted:
            for tags, grown in self._counted(counted, before, now).items():
                found[tags][counted.field] = round(grown)
        for standing in told.standing:
            for tags, stands in self._standing(standing, now).items():
                found[tags][standing.field] = round(stands) if standing.whole else float(stands)
        for lasting in told.lasting:
            for tags, buckets in self._buckets(lasting, before, now).items():
                found[tags].update(_lasted(lasting, buckets))
        key, fields = self.table.key, self.table.columns[self.table.key :]
        none = dict.fromkeys(told.counts, 0)
        rows = [(start_ms, *tags, *map((none | named).get, fields)) for tags, named in found.items()]
        return [row for row in rows if any(row[key:])] if told.sparse else rows

    def _counted(self, counted: Counted, before: Readings, now: Readings) -> Mapping[Tags, float]:
        sums = defaultdict[Tags, float](float)
        for tags, _, grown in self._grown(counted.sample, counted.only, before, now):
            sums[tags] += grown * counted.scale
        return sums

    def _standing(self, standing: Standing, now: Readings) -> Mapping[Tags, float]:
        several = defaultdict[Tags, list[float]](list)
        for labels, stands in now[standing.sample].items():
            if _has(labels, standing.only):
                several[self._tags(labels)].append(stands * standing.scale)
        return {tags: _TOGETHER[standing.together](each) for tags, each in several.items()}

    def _buckets(
        self, lasting: Lasting, before: Readings, now: Readings
    ) -> Mapping[Tags, dict[float, float]]:
        found = defaultdict[Tags, dict[float, float]](lambda: defaultdict(float))
        for tags, labels, grown in self._grown(f"{lasting.metric}_bucket", (), before, now):
            found[tags][float(dict(labels)["le"])] += grown
        return found

    def _grown(
        self, sample: str, only: Only, before: Readings, now: Readings
    ) -> Iterator[tuple[Tags, Labels, float]]:
        """Yield by how much each sample grew. What is not there any more, or began anew, did not."""
        earlier = before[sample]
        for labels, count in now[sample].items():
            if _has(labels, only):
                yield self._tags(labels), labels, max(0.0, count - earlier.get(labels, 0.0))

    def _tags(self, labels: Labels) -> Tags:
        named = {**dict(labels), **self._who}
        return tuple(named[label] for label in self._labels)


def _has(labels: Labels, only: Only) -> bool:
    return all(each in labels for each in only)


def _lasted(lasting: Lasting, buckets: Mapping[float, float]) -> Iterable[tuple[str, Any]]:
    shares = zip(lasting.fields, PERCENTILES.values(), strict=True)
    for name, seconds in ((name, quantile(buckets, share)) for name, share in shares):
        yield name, None if seconds is None else round(seconds * 1000, 3)
    yield lasting.field, round(buckets[inf])
    if lasting.slow is not None:
        yield lasting.slow, round(buckets[inf] - buckets[SLOW_S])
