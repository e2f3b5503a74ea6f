"""Lease time never runs faster than real time; the wall mark lets no worker's wall clock in and never falls."""

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.clock import MAX_STEP_MS, STALL_MS, LeaseClock, WallMark


def test_it_continues_from_the_logged_value_when_the_claim_is_read_back() -> None:
    clock = LeaseClock(70_000, 1_000_000)
    assert clock.advance(1_000_120, None) == 70_120


def test_a_pause_counts_half_a_second() -> None:
    clock = LeaseClock(0, 0)
    assert clock.advance(3_600_000, None) == MAX_STEP_MS
    assert clock.advance(3_600_100, None) == MAX_STEP_MS + 100


def test_while_the_oldest_commit_is_unacknowledged_for_two_seconds_it_stands_still() -> None:
    clock = LeaseClock(0, 0)
    assert clock.advance(100, 0) == 100
    assert clock.advance(STALL_MS - 1, 0) == 100 + MAX_STEP_MS
    assert clock.advance(STALL_MS, 0) == 100 + MAX_STEP_MS
    assert clock.advance(STALL_MS + 300, 0) == 100 + MAX_STEP_MS
    assert clock.advance(STALL_MS + 400, None) == 100 + MAX_STEP_MS + 100


def test_it_never_goes_back() -> None:
    clock = LeaseClock(5, 1_000)
    assert clock.advance(900, None) == 5


@given(st.lists(st.tuples(st.integers(0, 5_000), st.booleans()), max_size=50))
def test_it_is_monotonic_and_never_faster_than_real_time(steps: list[tuple[int, bool]]) -> None:
    clock, now, last = LeaseClock(0, 0), 0, 0
    for step, stalled in steps:
        now += step
        lease = clock.advance(now, 0 if stalled else None)
        assert last <= lease <= now
        last = lease


def test_the_mark_is_the_claims_append_time_and_the_time_since() -> None:
    mark = WallMark(0, 1_700_000_000_000, 50)
    assert mark.at(50) == 1_700_000_000_000
    assert mark.at(1_050) == 1_700_000_001_000


def test_the_mark_never_falls_below_what_was_logged() -> None:
    mark = WallMark(1_700_000_060_000, 1_700_000_000_000, 0)
    assert mark.at(10) == 1_700_000_060_000
    assert mark.at(60_010) == 1_700_000_060_010
