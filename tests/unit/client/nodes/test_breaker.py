"""When a circuit opens, and how it closes; and how many retries are paid for."""

from hypothesis import given
from hypothesis import strategies as st

from tidelock.client.nodes.breaker import Breaker, BreakerTerms
from tidelock.client.nodes.budget import RetryBudget

TERMS = BreakerTerms(failures=3, open_s=5.0)


def call(breaker: Breaker, failed: bool | None, now: float) -> None:
    assert breaker.allows(now)
    breaker.end(breaker.begin(), failed, now)


def opened() -> Breaker:
    breaker = Breaker(TERMS)
    for _ in range(3):
        call(breaker, True, 0.0)
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = Breaker(TERMS)
    for failed in (True, True, False, True, True, None, True):
        assert breaker.circuit(0.0) == "CLOSED"
        call(breaker, failed, 0.0)
    assert breaker.circuit(0.0) == "OPEN"
    assert not breaker.allows(4.99)


def test_after_the_pause_one_call_at_a_time_tries_it() -> None:
    breaker = opened()
    assert breaker.circuit(5.0) == "HALF_OPEN"
    trial = breaker.begin()
    assert trial
    assert not breaker.allows(5.0)
    breaker.end(trial, False, 5.1)
    assert breaker.circuit(5.1) == "CLOSED"
    for _ in range(2):
        call(breaker, True, 5.1)
    assert breaker.allows(5.1)


def test_each_trial_that_fails_doubles_the_pause_up_to_a_minute() -> None:
    breaker, now, pauses = opened(), 5.0, []
    for _ in range(6):
        call(breaker, True, now)
        before = now
        while breaker.circuit(now) == "OPEN":
            now += 0.5
        pauses.append(now - before)
    assert pauses == [10, 20, 40, 60, 60, 60]
    call(breaker, False, now)
    for _ in range(3):
        call(breaker, True, now)
    assert breaker.circuit(now + 5) == "HALF_OPEN"


def test_a_trial_that_is_given_up_leaves_room_for_another() -> None:
    breaker = opened()
    call(breaker, None, 5.0)
    assert breaker.allows(5.0)


def test_calls_that_began_before_it_opened_change_nothing() -> None:
    breaker = Breaker(TERMS)
    late = breaker.begin()
    for _ in range(3):
        call(breaker, True, 0.0)
    breaker.end(late, False, 1.0)
    assert breaker.circuit(1.0) == "OPEN"


@given(st.lists(st.booleans(), max_size=300), st.floats(0.01, 1.0))
def test_retries_are_a_share_of_the_calls(asked: list[bool], share: float) -> None:
    budget = RetryBudget(share, most=5.0)
    calls = retries = 0
    for wants_retry in asked:
        if wants_retry:
            retries += budget.retry()
        else:
            budget.call()
            calls += 1
        assert retries <= 5 + share * calls + 1e-6
