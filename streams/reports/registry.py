"""A registry's samples at one moment, as plain data."""

from collections.abc import Collection, Mapping
from typing import TypeAlias

from prometheus_client import CollectorRegistry

Labels: TypeAlias = tuple[tuple[str, str], ...]
Readings: TypeAlias = Mapping[str, Mapping[Labels, float]]
"""By the name of the sample and its labels."""


def readings(registry: CollectorRegistry, samples: Collection[str]) -> Readings:
    """Return these samples of `registry`. On any thread."""
    found: dict[str, dict[Labels, float]] = {name: {} for name in samples}
    for family in registry.restricted_registry(samples).collect():
        for sample in family.samples:
            found[sample.name][tuple(sample.labels.items())] = sample.value
    return found
