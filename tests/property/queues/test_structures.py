"""The persistent structures against plain lists and dicts, whatever is done to them; and what was, stays as it was."""

from hypothesis import given
from hypothesis import strategies as st

from streams.domain.queues.numbered import NOTHING
from streams.domain.structures.agenda import NOTHING_DUE
from streams.domain.structures.fifo import EMPTY, Fifo
from streams.domain.structures.heap import Heap, merge, pop, push, rising

numbers = st.lists(st.integers(0, 99))
gaps = st.integers(0, 3) | st.sampled_from([31, 32, 1_000, 32 * 1_024, 100_000])


@given(numbers, numbers)
def test_a_heap_yields_in_order(some: list[int], more: list[int]) -> None:
    a: Heap = None
    b: Heap = None
    for number in some:
        a = push(a, (number,))
    for number in more:
        b = push(b, (number,))
    assert [item[0] for item in rising(merge(a, b))] == sorted(some + more)
    assert [item[0] for item in rising(a)] == sorted(some)
    assert [item[0] for item in rising(pop(a))] == sorted(some)[1:]


@given(st.lists(st.tuples(st.integers(0, 70), st.integers(0, 80))))
def test_a_fifo_is_a_list(steps: list[tuple[int, int]]) -> None:
    line: Fifo[int] = EMPTY
    plain: list[int] = []
    was: list[tuple[Fifo[int], list[int]]] = []
    for come, go in steps:
        line, plain = line.extended(range(come)) if come else line, [*plain, *range(come)]
        was.append((line, plain))
        line, plain = line.without_first(go), plain[go:]
        was.append((line, plain))
    for before, expected in was:
        assert list(before) == expected
        assert len(before) == len(expected)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(-1, 50)), max_size=300))
def test_an_agenda_knows_what_is_first(steps: list[tuple[int, int]]) -> None:
    agenda, plain = NOTHING_DUE, dict[int, int]()
    for key, at in steps:
        if at < 0:
            agenda = agenda.drop((key, 77))
            plain.pop(key, None)
        else:
            agenda = agenda.put(key, at)
            plain[key] = at
        assert dict(agenda.times) == plain
        assert agenda.first == min(((due, key) for key, due in plain.items()), default=None)
        assert agenda.size <= 2 * len(plain) + 64


@given(st.lists(st.tuples(gaps, st.integers(1, 70), numbers), max_size=12), st.integers(0, 200_000))
def test_a_numbered_map_is_a_dict_in_order(steps: list[tuple[int, int, list[int]]], after: int) -> None:
    kept, plain, first = NOTHING, dict[int, int](), 1
    was = [(kept, plain)]
    for gap, count, gone in steps:
        first += gap
        kept = kept.put_all(first, tuple(range(first, first + count)))
        plain = plain | {number: number for number in range(first, first + count)}
        was.append((kept, plain))
        first += count
        leave = [first - 1 - each for each in gone]
        kept, plain = kept.without(leave), {n: v for n, v in plain.items() if n not in leave}
        was.append((kept, plain))
    for before, expected in was:
        assert list(before.after(0)) == sorted(expected.items())
        assert list(before.after(after)) == [item for item in sorted(expected.items()) if item[0] > after]
        assert len(before) == len(expected)
    assert all((number in kept) is (number in plain) for number in range(first))


@given(st.lists(st.integers(1, 3_000), unique=True), numbers)
def test_a_numbered_map_takes_single_ones_in_any_order(some: list[int], gone: list[int]) -> None:
    kept = NOTHING
    for number in some:
        kept = kept.put(number, number).put(number, -number)
    leave = [some[index % len(some)] for index in gone] if some else []
    left = kept.without(leave)
    assert list(left.after(0)) == [(number, -number) for number in sorted(some) if number not in leave]
    assert len(left) == len(some) - len(set(leave))
    assert [number for number, _ in kept.after(0)] == sorted(some)
