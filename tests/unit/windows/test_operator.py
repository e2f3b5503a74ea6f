"""What windows tell, and when."""

import pytest

from streams.windows.definition import EACH_TAKE, Assigner, Global, Hopping, Session, Sliding
from tests.unit.windows.spec import A, B, aside, counting, told, windowed


def test_a_window_is_final_when_the_watermark_reaches_its_end() -> None:
    operator = windowed()
    assert told(counting(operator, 1, 9)) == []
    assert told(counting(operator, 10)) == [("FINAL", "a", 0, 10, 2)]
    assert operator.progress.watermark_ms == 10


def test_the_watermark_stays_behind_the_latest_event_by_what_may_be_out_of_order() -> None:
    operator = windowed(out_of_order_ms=5)
    assert told(counting(operator, 9, 14, 3)) == []
    assert told(counting(operator, 15)) == [("FINAL", "a", 0, 10, 2)]


def test_an_idle_advance_ends_windows_and_survives_a_restart() -> None:
    operator = windowed()
    counting(operator, 3)
    operator.advance(10)
    taken = operator.take()
    assert told(taken) == [("FINAL", "a", 0, 10, 1)]
    again = windowed()
    assert taken.clock is not None
    again.restore(taken.clock, [])
    assert aside(counting(again, 4)) == [("LATE", "a", 4)]


def test_an_advance_never_goes_back() -> None:
    operator = windowed()
    operator.advance(20)
    operator.advance(5)
    assert operator.progress.watermark_ms == 20


def test_within_the_allowed_lateness_a_window_is_told_again_and_behind_it_the_event_is_put_aside() -> None:
    operator = windowed(lateness_ms=5)
    counting(operator, 1, 10)
    assert told(counting(operator, 2, 3)) == [("LATE", "a", 0, 10, 3)]
    counting(operator, 15)
    taken = counting(operator, 4)
    assert aside(taken) == [("LATE", "a", 4)]
    assert told(taken) == []
    assert operator.progress.counters["late"] == 1


def test_a_late_event_of_a_window_that_nothing_was_told_of_makes_it_final() -> None:
    operator = windowed(lateness_ms=20)
    counting(operator, 12)
    assert told(counting(operator, 5)) == [("FINAL", "a", 0, 10, 1)]
    assert told(counting(operator, 5)) == [("LATE", "a", 0, 10, 2)]


def test_a_late_update_is_told_even_if_its_window_is_forgotten_before_the_take() -> None:
    operator = windowed(lateness_ms=5)
    counting(operator, 1, 10)
    assert told(counting(operator, 2, 30)) == [("LATE", "a", 0, 10, 2), ("FINAL", "a", 10, 20, 1)]


def test_early_results_come_with_each_take_for_what_changed() -> None:
    operator = windowed(early_ms=EACH_TAKE)
    assert told(counting(operator, 1)) == [("EARLY", "a", 0, 10, 1)]
    assert told(operator.take()) == []
    assert told(counting(operator, 2, key=B)) == [("EARLY", "b", 0, 10, 1)]


def test_early_results_come_when_the_watermark_passes_a_multiple_of_their_period() -> None:
    operator = windowed(early_ms=4)
    assert told(counting(operator, 1, 2)) == []
    assert told(counting(operator, 5)) == [("EARLY", "a", 0, 10, 3)]
    operator.advance(8)
    assert told(operator.take()) == []
    assert told(counting(operator, 9, 12)) == [("FINAL", "a", 0, 10, 4), ("EARLY", "a", 10, 20, 1)]


def test_an_event_counts_in_every_hopping_window_over_it() -> None:
    operator = windowed(Hopping(10, 5))
    assert told(counting(operator, 7, 30)) == [("FINAL", "a", 0, 10, 1), ("FINAL", "a", 5, 15, 1)]


def test_sliding_windows_are_those_of_kafka_streams() -> None:
    """The example of its documentation: a time difference of 10, events at 8, 9, 12 and 25."""
    operator = windowed(Sliding(10), out_of_order_ms=100)
    counting(operator, 25, 9, 12, 8)
    operator.advance(1000)
    assert told(operator.take()) == [
        ("FINAL", "a", -2, 9, 1),
        ("FINAL", "a", -1, 10, 2),
        ("FINAL", "a", 2, 13, 3),
        ("FINAL", "a", 9, 20, 2),
        ("FINAL", "a", 10, 21, 1),
        ("FINAL", "a", 15, 26, 1),
    ]


def test_an_event_between_two_sessions_makes_one_of_them_and_retracts_what_was_told() -> None:
    operator = windowed(Session(5), out_of_order_ms=100, early_ms=EACH_TAKE)
    assert told(counting(operator, 10, 20)) == [("EARLY", "a", 10, 16, 1), ("EARLY", "a", 20, 26, 1)]
    assert told(counting(operator, 15)) == [("RETRACTED", "a", 20, 26, None), ("EARLY", "a", 10, 26, 3)]


def test_an_earlier_event_takes_the_start_of_a_session_and_so_its_name() -> None:
    operator = windowed(Session(5), out_of_order_ms=100, early_ms=EACH_TAKE)
    counting(operator, 10)
    taken = counting(operator, 7)
    assert told(taken) == [("RETRACTED", "a", 10, 16, None), ("EARLY", "a", 7, 16, 2)]
    assert taken.states[A, 10] is None
    assert taken.states[A, 7] is not None


def test_a_gap_apart_is_one_session_and_a_millisecond_more_is_two() -> None:
    operator = windowed(Session(5), out_of_order_ms=100)
    counting(operator, 10, 15, 21)
    operator.advance(100)
    assert told(operator.take()) == [("FINAL", "a", 10, 21, 2), ("FINAL", "a", 21, 27, 1)]


def test_a_global_window_is_full_after_so_many_events_of_a_key_whatever_their_time() -> None:
    operator = windowed(Global(2))
    assert told(counting(operator, 5, 1, 9)) == [("FINAL", "a", 0, 2, 2)]
    assert told(counting(operator, 7)) == [("FINAL", "a", 2, 4, 2)]


def test_a_global_window_that_is_not_purged_goes_on() -> None:
    operator = windowed(Global(2, purge=False))
    assert told(counting(operator, 1, 2, 3, 4)) == [("EARLY", "a", 0, 2, 2), ("EARLY", "a", 0, 4, 4)]


@pytest.mark.parametrize("assigner", [Hopping(10, 5), Sliding(5), Session(5), Global(3)])
def test_an_open_window_can_be_looked_at_and_nothing_changes(assigner: Assigner) -> None:
    operator = windowed(assigner, out_of_order_ms=100)
    counting(operator, 7, 8)
    seen = operator.look(A)
    assert max(each.results["count"] for each in seen) == 2
    assert operator.look(A) == seen
    assert operator.look(B) == ()
    taken = operator.take()
    assert (taken.emissions, taken.states, taken.clock) == ((), {}, None)


def test_only_what_changed_is_to_be_stored() -> None:
    operator = windowed()
    assert set(counting(operator, 1).states) == {(A, 0)}
    assert set(counting(operator, 2, key=B).states) == {(B, 0)}
    taken = counting(operator, 10)
    assert {slot: text is None for slot, text in taken.states.items()} == {
        (A, 0): True,
        (B, 0): True,
        (A, 10): False,
    }


def test_what_opened_and_closed_between_two_takes_is_never_stored() -> None:
    operator = windowed()
    assert set(counting(operator, 1, 10).states) == {(A, 10)}
