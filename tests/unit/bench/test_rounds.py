"""What the benchmark makes of its rounds: percentiles, the median round, the spread."""

from __future__ import annotations

import math

import pytest

from bench.cpu import CpuUse
from bench.locks import contended, replay, takeover
from bench.locks.__main__ import LOCKS
from bench.locks.takeover import TakeOver
from bench.rounds import Round, Tally, median_of, percentile, row
from bench.run import arguments

CPU = CpuUse({"worker": 25.04, "broker": 10.0, "client": 20.0}, 0.1)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 50), (0.99, 99), (1.0, 100)])
def test_percentiles_are_of_the_nearest_rank(share: float, expected: int) -> None:
    assert percentile(range(1, 101), share) == expected


def test_percentiles_of_one_value_and_of_none() -> None:
    assert percentile([7.0], 0.99) == 7.0
    assert math.isnan(percentile([], 0.5))


def test_the_median_round_is_a_round_that_was_measured() -> None:
    assert median_of([3, 1, 2], lambda n: n) == 2
    assert median_of([4, 1, 3, 2], lambda n: n) == 2


def test_a_row_holds_the_median_round_and_the_spread_of_all() -> None:
    rounds = [Round(2.0, [0.001 * each] * count, CPU) for each, count in ((1, 30), (2, 10), (3, 20))]
    assert row(rounds) == {
        "pairs_per_s": 10.0,
        "p50_ms": 3.0,
        "p99_ms": 3.0,
        "pairs_per_s_spread": [5.0, 15.0],
        "p50_ms_spread": [1.0, 3.0],
        "cpu": {
            "worker_us_per_command": 25.0,
            "broker_us_per_command": 10.0,
            "client_us_per_command": 20.0,
            "others_share": 0.1,
        },
    }


def test_a_pair_that_ends_after_its_round_does_not_count() -> None:
    over, running = Tally(-1.0), Tally(60.0)
    assert not over.done(0.0)
    assert running.done(0.0)
    assert (len(over.latencies_s), len(running.latencies_s)) == (0, 1)


def test_grants_are_of_the_median_round_and_fairness_is_of_the_worst() -> None:
    assert contended.summary([[10, 10], [12, 11], [20, 15]], 1.0) == {
        "grants_per_s": 23.0,
        "min_grants": 11,
        "max_grants": 12,
        "worst_difference": 5,
        "grants_per_s_spread": [20.0, 35.0],
    }


def test_replay_counts_wall_and_processor_time_apart() -> None:
    found = replay.summary([(1000, 2.0, 1.0), (1000, 1.0, 0.5), (1000, 4.0, 1.0)], 20)
    assert found["decisions_per_s"] == 500
    assert found["decisions_per_cpu_s"] == 1000
    assert found["decisions_per_record"] == 50.0
    assert found["decisions_per_s_spread"] == [250, 1000]


def test_take_overs_are_medians() -> None:
    graceful = [TakeOver(100.0, 150.0), TakeOver(300.0, 300.0), TakeOver(200.0, 900.0)]
    found = takeover.summary(graceful, [TakeOver(3100.0, 3900.0)], 10_000)
    assert (found["graceful_ms"], found["graceful_one_acquire_ms"], found["killed_ms"]) == (
        200.0,
        300.0,
        3100.0,
    )
    assert found["graceful_ms_spread"] == [100.0, 300.0]


def test_sections_are_chosen_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert arguments(LOCKS, ["--only", "replay,memory"]).only == ("replay", "memory")
    assert arguments(LOCKS, []).only == LOCKS.sections
    with pytest.raises(SystemExit):
        arguments(LOCKS, ["--only", "reply"])
    assert "no section reply" in capsys.readouterr().err
