"""Distinct counts and top lists against exact ones: any order, any tree of merges."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streams.windows import distinct, frequent
from streams.windows.distinct import EXACT, Distinct, hash_of
from streams.windows.frequent import Frequent

NUMBERS = st.lists(st.integers(0, 400), max_size=300)
PARTS = st.lists(st.lists(st.sampled_from("abcdefghijklmnop"), max_size=40), min_size=1, max_size=5)
CAPACITY = 5


def distinct_of(values: list[int]) -> Distinct:
    made = Distinct()
    for value in values:
        made.add(hash_of(value))
    return made


def frequent_of(items: list[str]) -> Frequent:
    made = Frequent(CAPACITY)
    for item in items:
        made.add(item)
    return made


@given(one=NUMBERS, other=NUMBERS)
def test_a_set_is_the_same_however_it_came_together(one: list[int], other: list[int]) -> None:
    merged = distinct_of(one)
    merged.merge(distinct_of(other))
    assert merged.plain() == distinct_of([*reversed(other), *one, *one]).plain()
    assert distinct.of_plain(merged.plain()).plain() == merged.plain()
    exact = len({*one, *other})
    assert merged.count == exact if exact <= EXACT else abs(merged.count - exact) <= 0.08 * exact


def test_a_large_set_is_within_four_standard_errors() -> None:
    for size in (1_000, 20_000, 200_000):
        made = distinct_of(list(range(size)))
        assert abs(made.count - size) <= 4 * 0.023 * size
        assert made.registers is not None


def test_kinds_of_values_are_different_values() -> None:
    assert len({hash_of(1), hash_of("1"), hash_of(b"1")}) == 3


@given(parts=PARTS)
def test_a_count_is_never_below_the_truth_nor_above_it_by_more_than_its_error(parts: list[list[str]]) -> None:
    merged = frequent_of(parts[0])
    for part in parts[1:]:
        merged.merge(frequent_of(part))
    true = Counter(item for part in parts for item in part)
    bound = true.total() / CAPACITY
    assert len(merged.counters) <= CAPACITY
    for item, count, error in merged.top(CAPACITY):
        assert count - error <= true[item] <= count
        assert error <= bound
    for item in true.keys() - merged.counters.keys():
        assert true[item] <= bound
    assert frequent.of_plain(CAPACITY, merged.plain()).plain() == merged.plain()


@given(parts=st.lists(st.lists(st.sampled_from("abcde"), max_size=20), min_size=1, max_size=5))
def test_up_to_as_many_items_as_counters_all_is_exact(parts: list[list[str]]) -> None:
    merged = frequent_of([])
    for part in parts:
        merged.merge(frequent_of(part))
    true = Counter(item for part in parts for item in part)
    assert {item: count for item, count, error in merged.top(CAPACITY) if error == 0} == dict(true)


@given(items=st.lists(st.sampled_from("abcdefghijk"), max_size=120), stored=st.sets(st.integers(0, 119)))
def test_who_gives_way_is_the_least_and_of_several_the_first(items: list[str], stored: set[int]) -> None:
    made, naive = Frequent(CAPACITY), dict[str, tuple[int, int]]()
    for number, item in enumerate(items):
        if item not in naive and len(naive) == CAPACITY:
            floor, _ = naive.pop(min(naive, key=lambda each: (naive[each][0], each)))
            naive[item] = (floor, floor)
        count, error = naive.get(item, (0, 0))
        naive[item] = (count + 1, error)
        made.add(item)
        if number in stored:
            made = frequent.of_plain(CAPACITY, made.plain())
    assert made.counters == naive
