"""What is told exists: every sample is exported by the process that has it, with the labels that become tags."""

from types import ModuleType
from typing import get_args

import pytest
from prometheus_client import REGISTRY

import api.telemetry
import streams.engine.tallies
import streams.engine.telemetry
import streams.ops.disks
import streams.ops.letters
import streams.processes.telemetry
import streams.projector.telemetry
import streams.reports.outgoing
import tidelock.registrar
from streams.ops.durations import Durations
from streams.projector.lane import Phase
from streams.reports.catalog import MEASUREMENTS, PHASES
from streams.reports.measurement import Measurement

EXPORTING: tuple[ModuleType, ...] = (
    api.telemetry, streams.engine.tallies, streams.engine.telemetry, streams.ops.disks, streams.ops.letters,
    streams.processes.telemetry, streams.projector.telemetry, streams.reports.outgoing, tidelock.registrar,
)  # fmt: skip


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda each: each.name)
def test_every_sample_is_exported_with_the_labels_that_are_tags(measurement: Measurement) -> None:
    for sample in measurement.samples:
        collector = REGISTRY._names_to_collectors[sample]
        labels = (
            collector._labels if isinstance(collector, Durations) else getattr(collector, "_labelnames", ())
        )
        called = dict(measurement.labels)
        wanted = {called.get(tag, tag) for tag in measurement.tags} - {"process", "role"}
        assert wanted <= {*labels}, sample


def test_phases_are_those_of_lanes() -> None:
    assert {*PHASES, "stopped"} == {*get_args(Phase)}
