"""Undo: any interleaving of changes and returns to a savepoint equals never having made the changes."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.log.undo import Undo

KEYS = st.sampled_from("abc")
STEP = st.one_of(
    st.tuples(st.just("put"), KEYS, st.integers(0, 9)),
    st.tuples(st.just("drop"), KEYS, st.just(0)),
    st.tuples(st.just("assign"), st.sampled_from(["x", "y"]), st.integers(0, 9)),
)


def _apply(undo: Undo, table: dict[str, int], thing: Any, step: tuple[str, str, int]) -> None:
    what, key, new = step
    if what == "put":
        undo.put(table, key, new)
    elif what == "drop":
        undo.drop(table, key)
    else:
        undo.assign(thing, key, new)


@given(st.lists(STEP, max_size=8), st.lists(STEP, max_size=12), st.lists(STEP, max_size=8))
def test_back_to_a_savepoint_restores_exactly(kept: list[Any], undone: list[Any], later: list[Any]) -> None:
    undo, table, thing = Undo(), dict[str, int](), SimpleNamespace(x=0, y=0)
    undo.recording = True
    for step in kept:
        _apply(undo, table, thing, step)
    savepoint, before = undo.mark(), (dict(table), vars(thing).copy())
    for step in undone:
        _apply(undo, table, thing, step)
    undo.back_to(savepoint)
    assert (table, vars(thing)) == before
    for step in later:
        _apply(undo, table, thing, step)
    undo.back_to(0)
    assert (table, vars(thing)) == ({}, {"x": 0, "y": 0})


def test_what_was_forgotten_stays() -> None:
    undo, table = Undo(), dict[str, int]()
    undo.recording = True
    undo.put(table, "accepted", 1)
    accepted = undo.mark()
    undo.put(table, "speculative", 2)
    undo.forget(accepted)
    undo.back_to(0)
    assert table == {"accepted": 1}


def test_while_nothing_is_recorded_nothing_is_taken_back() -> None:
    undo, table = Undo(), dict[str, int]()
    undo.put(table, "a", 1)
    undo.back_to(0)
    assert table == {"a": 1}
