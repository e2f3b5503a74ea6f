"""The benchmark's table: a figure is reached on the right side of its reach, and nothing is made up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.locks.figures import FIGURES
from bench.queues.figures import FIGURES as QUEUES
from bench.report import Figure, lines, markdown, number

RESULTS = {
    "direct": {
        "1": {"pairs_per_s": 900.0, "p50_ms": 1.02, "p99_ms": 3.0, "p50_ms_spread": [0.98, 1.4]},
        "256": {
            "pairs_per_s": 18_000.0,
            "p99_ms": 20.0,
            "cpu": {
                "worker_us_per_command": 25.2,
                "broker_us_per_command": 9.7,
                "client_us_per_command": 20.0,
                "others_share": 0.04,
            },
        },
    },
    "takeover": {"killed_ms": 4000.0},
}


def test_only_what_was_measured_has_a_line() -> None:
    assert [line.name for line in lines(FIGURES, RESULTS)] == [
        "direct, 1 client: p50",
        "direct, 1 client: p99",
        "direct, 256 clients",
        "direct, 256 clients: p99",
        "take-over, SIGKILL, session 3 s",
    ]
    assert lines(FIGURES, {}) == []


def test_a_reach_is_reached_at_its_edge_and_missed_beyond_it() -> None:
    found = {line.name: line.reached for line in lines(FIGURES, RESULTS)}
    assert found["direct, 1 client: p50"] is False
    assert found["direct, 256 clients"] is True
    assert found["take-over, SIGKILL, session 3 s"] is True
    assert found["direct, 1 client: p99"] is None


@pytest.mark.parametrize("reach", [{"most": 1.0}, {"least": 1.0}])
def test_no_measurement_reaches_nothing(reach: dict[str, Any]) -> None:
    assert Figure("x", ("x",), "ms", **reach).reached(float("nan")) is False


def test_a_line_says_spread_reach_and_who_used_the_processors() -> None:
    first, _, third, *_ = lines(FIGURES, RESULTS)
    assert (first.value, first.spread, first.reach) == ("1.02 ms", "0.98 .. 1.40", "≤ 1 ms")
    assert (third.value, third.reach, third.cpu) == ("18,000 pairs/s", "≥ 18,000 pairs/s", "25/10/20, 4 %")


def test_a_figure_at_the_top_tells_of_the_round_that_it_is_of() -> None:
    cpu = RESULTS["direct"]["256"]["cpu"]  # type: ignore[index]
    results = {"w1": 1600.0, "w1_spread": [1500.0, 1700.0], "w1_round": {"cpu": cpu}, "resize_excess": 1.02}
    first, last = lines(QUEUES, results)
    assert (first.value, first.spread, first.cpu) == ("1,600 msg/s", "1,500 .. 1,700", "25/10/20, 4 %")
    assert (last.value, last.spread, last.cpu, last.reached) == ("1.02", "", "", True)


def test_the_figures_of_queues_stand_at_the_top_under_their_keys() -> None:
    assert [figure.path for figure in QUEUES] == [
        ("w1",), ("w100",), ("batch100",), ("paced_p50_ms",), ("paced_p99_ms",), ("million_mib",),
        ("million_rate_ratio",), ("resize_excess",),
    ]  # fmt: skip


def test_markdown_has_a_row_a_line_and_marks_what_was_missed() -> None:
    rows = markdown(FIGURES, RESULTS).splitlines()
    assert len(rows) == 2 + len(lines(FIGURES, RESULTS))
    assert rows[2] == "| direct, 1 client: p50 | 1.02 ms | 0.98 .. 1.40 | ≤ 1 ms | **missed** |"


def test_every_figure_has_one_reach_at_most_and_a_place_of_its_own() -> None:
    assert all(figure.most is None or figure.least is None for figure in FIGURES)
    assert len({json.dumps(figure.path) for figure in FIGURES}) == len(FIGURES)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.5, "0.50"), (12.345, "12.35"), (100.4, "100"), (18_000.0, "18,000"), (3, "3")]
)
def test_numbers_have_the_digits_that_mean_something(value: float, shown: str) -> None:
    assert number(value) == shown
