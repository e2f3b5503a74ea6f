"""Gauges of what comes and goes: what is not there any more is not shown as it was last."""

from collections.abc import Mapping

from prometheus_client import Gauge


def stand(gauge: Gauge, values: Mapping[tuple[str, ...], float]) -> None:
    """Have `gauge` show these values, by labels, and no others."""
    for labels, each in values.items():
        gauge.labels(*labels).set(each)
    (family,) = gauge.collect()
    for gone in {tuple(sample.labels.values()) for sample in family.samples} - values.keys():
        gauge.remove(*gone)
