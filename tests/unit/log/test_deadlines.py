"""The deadlines heap against the obvious model: a dictionary of the earliest deadline a key."""

from hypothesis import given
from hypothesis import strategies as st

from streams.log.deadlines import Deadlines

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("schedule"), st.sampled_from("abcde"), st.integers(0, 50)),
        st.tuples(st.just("pop"), st.just(""), st.integers(0, 50)),
    ),
    max_size=60,
)


@given(STEPS)
def test_it_gives_the_earliest_key_and_each_key_once(steps: list[tuple[str, str, int]]) -> None:
    deadlines, model = Deadlines(), dict[str, int]()
    for what, key, time in steps:
        if what == "schedule":
            deadlines.schedule(key, time)
            model[key] = min(time, model.get(key, time))
        else:
            due = min(((at, k) for k, at in model.items()), default=None)
            popped = deadlines.pop(time)
            if due is None or due[0] > time:
                assert popped is None
            else:
                assert popped is not None and model.pop(popped) == due[0]
        assert deadlines.next() == min(model.values(), default=None)


def test_rebuilt_it_holds_exactly_the_new_entries() -> None:
    deadlines = Deadlines()
    deadlines.schedule("old", 1)
    deadlines.rebuild([(7, "b"), (5, "a")])
    assert [deadlines.pop(10), deadlines.pop(10), deadlines.pop(10)] == ["a", "b", None]
