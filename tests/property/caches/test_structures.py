"""The order of evictions against a plain list."""

from hypothesis import given
from hypothesis import strategies as st

from streams.domain.caches.recency import NOTHING, SLACK

steps = st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=300)


@given(steps)
def test_recency_is_a_list_in_which_who_is_touched_goes_to_the_end(history: list[tuple[bool, int]]) -> None:
    order, plain = NOTHING, list[str]()
    for touch, number in history:
        name = str(number)
        before, was = order, list(order)
        plain = [each for each in plain if each != name]
        if touch:
            order = order.touched(name)
            plain.append(name)
        else:
            order = order.without(name)
        assert list(order) == plain
        assert len(order) == len(plain)
        assert len(order.line) <= 2 * len(plain) + SLACK
        assert list(before) == was
