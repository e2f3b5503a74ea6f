"""Percentiles of what fell into a histogram's buckets, as Prometheus's `histogram_quantile` reckons them."""

from collections.abc import Mapping
from math import inf

Buckets = Mapping[float, float]
"""By upper edge, how many lie at or below it; the last edge is infinite."""


def quantile(buckets: Buckets, share: float) -> float | None:
    """Return below which value `share` (0 to 1) of all lie: at an even pace within its bucket; None: there are none.

    What lies beyond the last finite edge counts as that edge.
    """
    edges = sorted(buckets)
    rank = share * buckets[edges[-1]] if edges else 0
    if rank <= 0:
        return None
    lower, below = 0.0, 0.0
    for edge in edges:
        if buckets[edge] >= rank:
            return lower if edge == inf else lower + (edge - lower) * (rank - below) / (buckets[edge] - below)
        lower, below = edge, buckets[edge]
    raise AssertionError
