"""From two looks at a registry to rows: what grew, how things stand, and percentiles of buckets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.ops.durations import Durations
from streams.reports.catalog import MEASUREMENTS
from streams.reports.measurement import Counted, Lasting, Measurement, Standing
from streams.reports.quantiles import quantile
from streams.reports.registry import Readings, readings
from streams.reports.rows import Rows

WHO = {"process": "worker-0", "role": "worker"}
EDGES = (0.01, 0.1, 1.0)
POINTS = Measurement(
    "toys",
    ("process", "kind"),
    counted=(
        Counted("done", "done_total"),
        Counted("red_ms", "done_total", (("colour", "red"),), scale=1000),
    ),
    standing=(
        Standing("most", "held", together="max"),
        Standing("places", "held", together="count"),
        Standing("share", "share", whole=False),
    ),
    lasting=(Lasting("waits", "wait_seconds", slow="slow"),),
)


class Process:
    """A process with a registry of its own."""

    def __init__(self, measurement: Measurement = POINTS) -> None:
        self.registry = CollectorRegistry()
        self.done = Counter("done", "", ("kind", "colour"), registry=self.registry)
        self.held = Gauge("held", "", ("kind", "place"), registry=self.registry)
        self.share = Gauge("share", "", registry=self.registry)
        self.waits = Histogram("wait_seconds", "", ("kind",), buckets=EDGES, registry=self.registry)
        self._rows, self._measurement = Rows(measurement, WHO), measurement
        self._before = self._look()

    def _look(self) -> Readings:
        return readings(self.registry, self._measurement.samples)

    def told(self) -> dict[str, dict[str, Any]]:
        """Return the fields by kind."""
        now = self._look()
        rows = self._rows.of(10_000, self._before, now)
        self._before = now
        table = self._measurement.table
        assert all(row[:2] == (10_000, "worker-0") for row in rows)
        return {row[2]: dict(zip(table.columns[3:], row[3:], strict=True)) for row in rows}


OF_KIND = Measurement(POINTS.name, POINTS.tags, POINTS.counted, POINTS.standing[:2], POINTS.lasting)


def test_a_counter_tells_what_came_since_the_last_look_over_labels_that_are_no_tags() -> None:
    process = Process(OF_KIND)
    process.done.labels("locks", "red").inc(3)
    process.done.labels("locks", "blue").inc(4)
    told = process.told()["locks"]
    assert (told["done"], told["red_ms"]) == (7, 3000)
    process.done.labels("locks", "blue").inc()
    told = process.told()["locks"]
    assert (told["done"], told["red_ms"]) == (1, 0)


def test_what_began_anew_or_is_gone_counts_nothing_backwards() -> None:
    process = Process(OF_KIND)
    process.done.labels("locks", "red").inc(3)
    process.told()
    process.done.clear()
    process.done.labels("locks", "red").inc(2)
    process.done.labels("queues", "red").inc(1)
    assert {kind: told["done"] for kind, told in process.told().items()} == {"locks": 0, "queues": 1}


def test_a_gauge_tells_how_it_stands_now_and_nothing_of_what_is_gone() -> None:
    process = Process(OF_KIND)
    process.held.labels("locks", "a").set(2)
    process.held.labels("locks", "b").set(5)
    told = process.told()["locks"]
    assert (told["most"], told["places"]) == (5, 2)
    process.held.remove("locks", "b")
    told = process.told()["locks"]
    assert (told["most"], told["places"]) == (2, 1)


def test_durations_are_counted_and_their_percentiles_are_those_of_the_time_between() -> None:
    process = Process(OF_KIND)
    process.waits.labels("locks").observe(5)
    process.told()
    for _ in range(100):
        process.waits.labels("locks").observe(0.05)
    process.waits.labels("locks").observe(2)
    told = process.told()["locks"]
    assert (told["waits"], told["slow"]) == (101, 1)
    assert 10 < told["wait_p50_ms"] < told["wait_p95_ms"] <= 100
    assert (process.told()["locks"]["waits"], process.told()["locks"]["wait_p50_ms"]) == (0, None)


def test_gauges_that_a_process_has_not_are_null_and_sparse_rows_of_nothing_are_left_out() -> None:
    process = Process(OF_KIND)
    process.held.labels("nodes", "a").set(0)
    told = process.told()["nodes"]
    assert (told["most"], told["done"], told["waits"], told["wait_p50_ms"]) == (0, 0, 0, None)
    process.done.labels("queues", "red").inc()
    told = process.told()["queues"]
    assert (told["done"], told["most"]) == (1, None)
    sparse = Process(Measurement("toys", ("process", "kind"), (Counted("done", "done_total"),), sparse=True))
    sparse.done.labels("locks", "red").inc()
    sparse.done.labels("queues", "red")
    assert set(sparse.told()) == {"locks"}
    assert sparse.told() == {}


def test_a_share_is_no_whole_number() -> None:
    rows = Rows(Measurement("toys", ("process", "role"), standing=POINTS.standing[2:]), WHO)
    process = Process()
    process.share.set(0.25)
    look = readings(process.registry, {"share"})
    assert rows.of(0, look, look) == [(0, "worker-0", "worker", 0.25)]


@given(st.lists(st.floats(0, 3), min_size=1), st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_lies_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    edges = (*EDGES, float("inf"))
    found = quantile({edge: sum(each <= edge for each in values) for edge in edges}, share)
    true = sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]
    above = next(edge for edge in edges if true <= edge)
    below = max((edge for edge in (0.0, *EDGES) if edge < above), default=0.0)
    assert found is not None
    assert below <= found <= min(above, EDGES[-1])


def test_nothing_has_no_percentiles() -> None:
    assert quantile({}, 0.5) is None
    assert quantile({0.1: 0, float("inf"): 0}, 0.5) is None


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.floats(0, 4), st.integers(1, 9))))
def test_durations_counted_in_bulk_are_those_of_a_histogram(told: list[tuple[str, float, int]]) -> None:
    plain, bulk = CollectorRegistry(), CollectorRegistry()
    one = Histogram("wait_seconds", "", ("kind",), buckets=EDGES, registry=plain)
    other = Durations("wait_seconds", "", ("kind",), EDGES, bulk)
    for kind, seconds, times in told:
        for _ in range(times):
            one.labels(kind).observe(seconds)
        other.of(kind).add(seconds, times)
    for name in ("wait_seconds_bucket", "wait_seconds_count"):
        assert readings(bulk, {name}) == readings(plain, {name})
    for labels, total in readings(plain, {"wait_seconds_sum"})["wait_seconds_sum"].items():
        assert readings(bulk, {"wait_seconds_sum"})["wait_seconds_sum"][labels] == pytest.approx(total)


def test_a_field_is_told_once_and_series_are_apart() -> None:
    assert len({each.name for each in MEASUREMENTS}) == len(MEASUREMENTS)
    for each in MEASUREMENTS:
        assert len(set(each.table.columns)) == len(each.table.columns)
        assert each.tags[0] == "process"
