"""Gauges of what comes and goes, and of disks."""

from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Gauge

from streams.ops.disks import Disks
from streams.ops.gauges import stand


def test_what_is_not_there_any_more_is_not_shown() -> None:
    registry = CollectorRegistry()
    gauge = Gauge("toys", "", ("kind", "partition"), registry=registry)
    stand(gauge, {("locks", "0"): 3, ("locks", "1"): 4})
    stand(gauge, {("locks", "1"): 5})
    assert registry.get_sample_value("toys", {"kind": "locks", "partition": "0"}) is None
    assert registry.get_sample_value("toys", {"kind": "locks", "partition": "1"}) == 5


def test_a_disk_tells_how_full_it_is_and_one_that_is_not_there_nothing(tmp_path: Path) -> None:
    def seen(name: str, path: Path) -> float | None:
        return REGISTRY.get_sample_value(f"tidelock_disk_{name}", {"path": str(path)})

    Disks([str(tmp_path), str(tmp_path / "nowhere")]).observe()
    used, free, percent = (seen(name, tmp_path) for name in ("used_bytes", "free_bytes", "used_percent"))
    assert used is not None and free is not None and percent is not None
    assert 0 < percent <= 100
    assert abs(percent - 100 * used / (used + free)) < 0.01
    assert seen("used_percent", tmp_path / "nowhere") is None
