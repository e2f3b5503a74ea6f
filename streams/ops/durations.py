"""A histogram for Prometheus that takes many equal durations at once: a commit's commands came a few at a time.

`prometheus_client.Histogram` takes a lock and looks through its buckets for each; on the path of decisions that counts.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Counted:
    """What lasted, under one set of labels. Added to by one thread, read by any."""

    __slots__ = ("_edges", "numbers", "sum_s")

    def __init__(self, edges_s: Sequence[float]) -> None:
        self._edges = edges_s
        self.numbers = [0] * (len(edges_s) + 1)
        """How many lie between two edges; the last: beyond all."""
        self.sum_s = 0.0

    def add(self, seconds: float, times: int = 1) -> None:
        """Count a duration."""
        self.numbers[bisect_left(self._edges, seconds)] += times
        self.sum_s += seconds * times


class Durations(Collector):
    """A histogram, by labels."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str],
        edges_s: Sequence[float],
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._name, self._documentation, self._labels = name, documentation, labels
        self._edges = tuple(edges_s)
        self._names = [*map(floatToGoString, self._edges), "+Inf"]
        self._counted: dict[tuple[str, ...], Counted] = {}
        registry.register(self)

    def of(self, *labels: str) -> Counted:
        """Return what counts under these labels, the same each time."""
        return self._counted.setdefault(labels, Counted(self._edges))

    def describe(self) -> Iterable[Metric]:
        """Tell the registry the name."""
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        """Tell all that was counted."""
        family = self._family()
        for labels, counted in self._counted.copy().items():
            buckets = list(zip(self._names, accumulate(counted.numbers), strict=True))
            family.add_metric(labels, buckets, counted.sum_s)
        return [family]

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
