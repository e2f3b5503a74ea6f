"""The sketch against the sorted values themselves."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.windows.sketch import BOUNDS, Sketch, loads

DURATIONS = st.lists(
    st.one_of(st.integers(0, 200), st.integers(0, 10**6), st.integers(0, 1 << 42)), max_size=60
)


def sketch(durations: list[int]) -> Sketch:
    made = Sketch()
    for duration in durations:
        made.add(duration)
    return made


@given(durations=DURATIONS.filter(bool), per_mille=st.integers(0, 1000))
def test_every_quantile_is_within_a_hundredth(durations: list[int], per_mille: int) -> None:
    true = sorted(durations)[per_mille * (len(durations) - 1) // 1000]
    told = sketch(durations).quantile(per_mille)
    assert told is not None
    assert abs(told - true) <= 0.01 * true
    if true <= 50:
        assert told == true


@given(one=DURATIONS, other=DURATIONS)
def test_merging_is_counting_all(one: list[int], other: list[int]) -> None:
    merged = sketch(one)
    merged.merge(sketch(other))
    assert merged.dumps() == sketch([*other, *one]).dumps()
    assert merged.count == len(one) + len(other)


@given(durations=DURATIONS)
def test_json_brings_it_back(durations: list[int]) -> None:
    assert loads(sketch(durations).dumps()).buckets == sketch(durations).buckets


def test_nothing_has_no_quantiles() -> None:
    assert Sketch().quantile(500) is None


def test_what_lasts_for_ever_or_less_than_nothing_is_counted_too() -> None:
    assert sketch([1 << 60]).quantile(500) == sketch([1 << 42]).quantile(500)
    assert sketch([-5]).quantile(500) == 0.0


def test_the_bounds_rise_by_a_fiftieth_at_the_most() -> None:
    for lower, upper in pairwise(BOUNDS[2:]):
        assert lower < upper
        assert upper == lower + 1 or upper * 99 <= (lower + 1) * 101
