"""Nothing is unbounded: times far ahead, too many keys, aggregates that raise or grow."""

from typing import Any

import pytest

from streams.windows.aggregates import Count, Percentiles, Sum, TopK
from streams.windows.combine import combine
from streams.windows.combined import Aggregates
from streams.windows.definition import (
    EACH_TAKE,
    Assigner,
    Global,
    Hopping,
    Session,
    Sliding,
    Tumbling,
    Windows,
)
from streams.windows.errors import NotCombinable, WrongState, WrongWindows
from streams.windows.monoid import MAX_STATE_CHARS, Monoid
from streams.windows.operator import Windowed
from tests.unit.windows.spec import COUNTED, A, B, aside, counting, told, windowed


def test_a_time_far_ahead_is_put_aside_and_moves_no_watermark() -> None:
    operator = windowed(ahead_ms=50)
    taken = counting(operator, 5, 56, 6)
    assert aside(taken) == [("FUTURE", "a", 56)]
    assert operator.progress.watermark_ms == 6
    assert operator.progress.counters["future"] == 1


def test_after_a_long_silence_the_logs_clock_vouches_for_the_new_time() -> None:
    operator = windowed(ahead_ms=50)
    counting(operator, 5)
    operator.reach(1000)
    assert aside(counting(operator, 1000)) == []
    assert aside(counting(operator, 1051)) == [("FUTURE", "a", 1051)]


def test_with_the_logs_clock_even_the_first_event_is_judged_and_many_small_steps_lead_nowhere() -> None:
    operator = windowed(ahead_ms=50)
    operator.reach(100)
    assert aside(counting(operator, 10**9, 140, 160)) == [("FUTURE", "a", 10**9), ("FUTURE", "a", 160)]


@pytest.mark.parametrize("assigner", [Tumbling(10), Session(1), Sliding(1), Global(100)])
def test_keys_beyond_the_bound_are_counted_together(assigner: Assigner) -> None:
    operator = windowed(assigner, max_open=2, out_of_order_ms=100)
    for number in range(5):
        operator.add(("tenant", f"k{number}"), 1, 1)
    assert operator.progress.open == 3
    assert operator.progress.counters["overflowed"] == 3
    (other,) = operator.look(("__other__", "__other__"))
    assert other.results == {"count": 3}


@pytest.mark.parametrize("assigner", [Tumbling(10), Session(1), Sliding(1), Global(100)])
def test_who_has_many_windows_leaves_room_for_others(assigner: Assigner) -> None:
    operator = windowed(assigner, max_open=10, out_of_order_ms=100, shared=True)
    for tenant, count in (("greedy", 50), ("late", 2), ("another", 1)):
        for number in range(count):
            operator.add((tenant, f"k{number}"), 1, 1)
    for tenant, kept in (("greedy", 8), ("late", 2), ("another", 0)):
        assert len([number for number in range(50) if operator.look((tenant, f"k{number}"))]) == kept
    for tenant, others in (("greedy", 42), ("another", 1)):
        (other,) = operator.look((tenant, "__other__"))
        assert other.results == {"count": others}
    assert operator.progress.counters["overflowed"] == 43


def test_tenants_beyond_the_bound_of_those_that_have_too_many_are_counted_together() -> None:
    operator = windowed(max_open=1, max_other=2, out_of_order_ms=100, shared=True)
    for tenant in "abcde":
        operator.add((tenant, "k"), 1, 1)
    shown = [
        operator.look(key) for key in (("a", "k"), ("b", "__other__"), ("c", "__other__"), ("d", "__other__"))
    ]
    assert [len(each) for each in shown] == [1, 1, 1, 0]
    (other,) = operator.look(("__other__", "__other__"))
    assert other.results == {"count": 2}


def test_shares_are_the_same_when_restored_and_come_back_as_windows_close() -> None:
    def fill(operator: Windowed, at_ms: int) -> None:
        for number in range(6):
            operator.add(("greedy", f"{at_ms} {number}"), at_ms, 1)

    first = windowed(max_open=5, shared=True)
    fill(first, 1)
    assert first.progress.open == 5
    taken = first.take()
    again = windowed(max_open=5, shared=True)
    again.restore(str(taken.clock), [(slot, text) for slot, text in taken.states.items() if text])
    for operator in (first, again):
        fill(operator, 2)
        assert operator.progress.open == 5
        operator.advance(20)
        fill(operator, 21)
        assert operator.progress.open == 5


@pytest.mark.parametrize(("assigner", "apart"), [(Tumbling(10), 10), (Session(1), 5), (Sliding(1), 5)])
def test_what_even_the_other_key_has_no_room_for_is_refused(assigner: Assigner, apart: int) -> None:
    operator = windowed(assigner, max_open=1, max_other=1, out_of_order_ms=100)
    taken = counting(operator, 0, apart, 2 * apart)
    assert aside(taken) == [("REFUSED", "a", 2 * apart)]
    assert operator.progress.open == 2


def test_room_comes_back_as_windows_close() -> None:
    operator = windowed(max_open=1)
    counting(operator, 1)
    counting(operator, 10, 11, key=B)
    assert operator.progress.counters["overflowed"] == 1  # the first: the window of `a` was open still
    operator.advance(20)
    operator.take()
    assert counting(operator, 25, key=B).states.keys() == {(B, 20)}


def _raises_at(bad: int) -> Monoid:
    def lift(value: int) -> int:
        if value == bad:
            raise ValueError("cannot")
        return value

    return Monoid("own", int, lift, lambda one, other: one + other)


@pytest.mark.parametrize("assigner", [Tumbling(10), Session(5), Sliding(5), Global(9)])
def test_an_event_that_an_aggregate_raises_for_counts_nowhere(assigner: Assigner) -> None:
    operator = windowed(assigner, Aggregates(count=Count(), own=_raises_at(13), total=Sum()))
    operator.add_many([(A, 1, 13), (A, 1, 2), (A, 1, 13), (A, 1, "no number"), (B, 1, 13)])
    taken = operator.take()
    assert [each.error.split(":")[0] for each in taken.asides] == [
        "ValueError", "ValueError", "NotCountable", "ValueError",
    ]  # fmt: skip
    assert operator.look(A)[0].results == {"count": 1, "own": 2, "total": 2}
    assert operator.look(B) == ()
    assert operator.progress.counters["failed"] == 4


def test_sessions_whose_states_cannot_be_merged_stay_apart_and_the_event_is_put_aside() -> None:
    def merge(one: int, other: int) -> int:
        if one + other > 3:
            raise OverflowError("too many")
        return one + other

    aggregates = Aggregates(own=Monoid("few", int, int, merge), count=Count())
    operator = windowed(Session(5), aggregates, out_of_order_ms=100)
    operator.add_many([(A, 10, 2), (A, 20, 1), (A, 15, 1)])
    assert aside(operator.take()) == [("FAILED", "a", 15)]
    assert [each.results for each in operator.look(A)] == [{"own": 2, "count": 1}, {"own": 1, "count": 1}]


def test_a_result_that_cannot_be_told_costs_only_itself() -> None:
    def result(state: int) -> int:
        raise ZeroDivisionError(state)

    own = Monoid("own", int, int, lambda one, other: one + other, result=result)
    operator = windowed(aggregates=Aggregates(own=own, count=Count()))
    (emission,) = counting(operator, 1, 10).emissions
    assert (emission.results, emission.errors) == ({"count": 1}, {"own": "ZeroDivisionError: 1"})
    assert operator.progress.counters["broken"] == 1


def test_slices_that_cannot_be_merged_cost_only_that_result() -> None:
    def merge(one: int, other: int) -> int:
        if one and other:
            raise ValueError("never")
        return one or other

    operator = windowed(Hopping(10, 5), Aggregates(own=Monoid("own", int, int, merge), count=Count()))
    taken = counting(operator, 1, 6, 30)
    assert [(each.start, dict(each.results), dict(each.errors)) for each in taken.emissions] == [
        (-5, {"own": 1, "count": 1}, {}),
        (0, {"count": 2}, {"own": "ValueError: never"}),
        (5, {"own": 1, "count": 1}, {}),
    ]


@pytest.mark.parametrize(
    ("lift", "what"), [(lambda _: "x" * MAX_STATE_CHARS, "characters"), (lambda _: {1, 2}, "TypeError")]
)
def test_a_state_that_cannot_be_stored_is_broken_for_good_and_visibly(lift: Any, what: str) -> None:
    own = Monoid("own", str, lift, lambda one, other: other or one)
    aggregates = Aggregates(own=own, count=Count())
    operator = windowed(aggregates=aggregates)
    taken = counting(operator, 1)
    again = windowed(aggregates=aggregates)
    assert taken.clock is not None
    again.restore(taken.clock, [(slot, text) for slot, text in taken.states.items() if text is not None])
    for each in (operator, again):
        (emission,) = counting(each, 2, 10).emissions
        assert emission.results == {"count": 2}
        assert what in emission.errors["own"]


def test_a_state_of_another_definition_is_refused() -> None:
    clock = counting(windowed(Tumbling(10)), 1).clock
    assert clock is not None
    with pytest.raises(WrongState, match="Raise the projection's version"):
        windowed(Tumbling(20)).restore(clock, [])
    with pytest.raises(WrongState):
        windowed().restore("{}", [])
    with pytest.raises(WrongState):
        windowed().restore(clock, [((A, 0), "[0,0")])


@pytest.mark.parametrize("assigner", [Sliding(5), Global(5)])
def test_windows_of_one_partition_alone_are_not_combined(assigner: Assigner) -> None:
    with pytest.raises(NotCombinable):
        combine(Windows(assigner, COUNTED), [])


def test_of_partitions_one_of_which_is_open_still_the_whole_is_early() -> None:
    one, other = windowed(early_ms=EACH_TAKE), windowed(early_ms=EACH_TAKE)
    parts = [*counting(one, 1, 10).emissions, *counting(other, 2).emissions]
    whole = combine(Windows(Tumbling(10), COUNTED), parts)
    assert [(str(e.kind), e.start, e.results["count"]) for e in whole] == [("EARLY", 0, 2), ("EARLY", 10, 1)]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Windows(Tumbling(0), COUNTED), lambda: Windows(Hopping(5, 6), COUNTED),
        lambda: Windows(Hopping(86_400_000, 1), COUNTED), lambda: Windows(Session(0), COUNTED),
        lambda: Windows(Global(0), COUNTED), lambda: Windows(Tumbling(1), COUNTED, lateness_ms=-1),
        lambda: Windows(Tumbling(1), COUNTED, max_open=0), Aggregates, lambda: TopK(5, capacity=4),
        lambda: Percentiles(per_mille=(1001,)),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong: Any) -> None:
    with pytest.raises(WrongWindows):
        wrong()


def test_a_definition_makes_as_many_operators_as_there_are_partitions() -> None:
    definition = Windows(Tumbling(10), COUNTED)
    one, other = Windowed(definition), Windowed(definition)
    counting(one, 1)
    assert told(counting(other, 2, 10)) == [("FINAL", "a", 0, 10, 1)]
