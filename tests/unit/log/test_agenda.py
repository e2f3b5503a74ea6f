"""The agenda against the obvious model: a list of (second, item), filtered when time passes; and undone."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.log.agenda import Agenda
from streams.log.undo import Undo

SECONDS = st.one_of(st.integers(0, 30), st.integers(10**9, 10**9 + 5))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), SECONDS, st.sampled_from("abc")),
        st.tuples(st.just("take"), SECONDS, st.just("")),
    ),
    max_size=30,
)


class Model:
    def __init__(self) -> None:
        self.passed = 0
        self.due: set[tuple[int, str]] = set()

    def take_before(self, second: int) -> list[str]:
        self.passed = max(second, self.passed)
        over = sorted(each for each in self.due if each[0] < self.passed)
        self.due -= set(over)
        return [item for _, item in over]


def played(agenda: Agenda[str], model: Model, steps: list[tuple[str, int, str]]) -> None:
    for what, second, item in steps:
        if what == "put":
            agenda.put(second, item)
            model.due.add((max(second, model.passed), item))
        else:
            assert sorted(agenda.take_before(second)) == sorted(model.take_before(second))


@given(STEPS)
def test_it_gives_what_is_over_and_nothing_else(steps: list[tuple[str, int, str]]) -> None:
    played(Agenda(Undo()), Model(), steps)


@given(STEPS, STEPS, STEPS)
def test_what_is_undone_never_was(kept: Any, void: Any, later: Any) -> None:
    undo, model = Undo(), Model()
    agenda = Agenda[str](undo)
    played(agenda, model, kept)
    aside = Model()
    aside.passed, aside.due = model.passed, set(model.due)
    undo.recording = True
    played(agenda, aside, void)
    undo.back_to(0)
    undo.recording = False
    assert (agenda.passed, len(agenda)) == (model.passed, len({second for second, _ in model.due}))
    played(agenda, model, later)


class Counting(dict[int, dict[str, None]]):
    """Counts how often it is asked."""

    asked = 0

    def get(self, *arguments: Any) -> Any:
        self.asked += 1
        return super().get(*arguments)

    def __iter__(self) -> Any:
        self.asked += len(self)
        return super().__iter__()


def test_a_second_that_passes_costs_the_same_whatever_lies_far_ahead() -> None:
    agenda = Agenda[str](Undo())
    list(agenda.take_before(1000))
    for second in range(10_000):
        agenda.put(10**6 + second, "far")
    agenda._due = counting = Counting(agenda._due)
    for second in range(1001, 1101):
        assert list(agenda.take_before(second)) == []
    assert counting.asked == 100


def test_a_leap_costs_what_there_is_not_what_it_spans() -> None:
    agenda = Agenda[str](Undo())
    agenda.put(5, "a")
    agenda._due = counting = Counting(agenda._due)
    assert list(agenda.take_before(10**12)) == ["a"]
    assert counting.asked < 10
