"""Windows against brute force: any arrival order, any batches, any restarts, any tree of partitions."""

from dataclasses import replace
from itertools import chain
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.windows.combine import combine
from streams.windows.definition import Hopping, Session, Tumbling, Windows
from streams.windows.operator import Windowed
from streams.windows.taken import Emission, Kind
from tests.property.windows.brute import Event, Window
from tests.property.windows.histories import (
    ASSIGNERS,
    EXAMPLE,
    Played,
    definitions,
    histories,
    play,
    same,
)

EXAMPLES = settings(max_examples=100, deadline=None)
COUNTABLE: st.SearchStrategy[Event] = st.tuples(
    st.sampled_from([("a",), ("b",)]), st.integers(0, 60), st.integers(14, 30)
)
AT_THE_END = 10**6


@given(definition=definitions, history=histories)
@EXAMPLES
def test_what_is_told_is_what_naive_windows_hold(definition: Windows, history: list[Any]) -> None:
    same(definition, history)


@given(definition=definitions, history=histories)
@EXAMPLES
def test_cuts_change_nothing_but_when_it_is_told(definition: Windows, history: list[Any]) -> None:
    definition = replace(definition, early_ms=definition.early_ms or None)
    cut, _ = play(definition, history)
    whole, _ = play(definition, [step for step in history if step[0] in {"add", "advance"}])
    assert (cut.finals, cut.asides, cut.table) == (whole.finals, whole.asides, whole.table)
    assert (cut.rows, cut.clock) == (whole.rows, whole.clock)


@given(
    assigner=st.sampled_from(ASSIGNERS),
    both=st.lists(COUNTABLE, max_size=25).flatmap(lambda e: st.tuples(st.just(e), st.permutations(e))),
)
@EXAMPLES
def test_events_in_any_order_give_the_same(assigner: Any, both: tuple[list[Event], list[Event]]) -> None:
    definition = replace(EXAMPLE, assigner=assigner, out_of_order_ms=100)
    one, other = (dict(_finals(definition, order)) for order in both)
    assert one == other
    assert bool(one) is bool(both[0])


@given(
    assigner=st.sampled_from([Tumbling(10), Hopping(10, 4), Session(5)]),
    events=st.lists(st.tuples(COUNTABLE, st.integers(0, 3)), max_size=25),
    tree=st.lists(st.integers(0, 5), max_size=3),
)
@EXAMPLES
def test_any_tree_of_partitions_gives_the_same(
    assigner: Any, events: list[tuple[Event, int]], tree: list[int]
) -> None:
    definition = replace(EXAMPLE, assigner=assigner, out_of_order_ms=100)
    parts: list[list[Emission]] = [
        _emissions(definition, [event for event, where in events if where == partition])
        for partition in range(4)
    ]
    for chosen in tree:
        one = parts.pop(chosen % len(parts))
        parts[chosen % len(parts)] = combine(definition, [*parts[chosen % len(parts)], *one])
    merged = {(e.key, e.start): dict(e.results) for e in combine(definition, chain.from_iterable(parts))}
    assert merged == dict(_finals(definition, [event for event, _ in events]))


@given(definition=definitions, history=histories)
@EXAMPLES
def test_a_window_is_final_once_and_nothing_stays_for_ever(definition: Windows, history: list[Any]) -> None:
    played, _ = play(definition, history)
    played.operator.advance(AT_THE_END)
    played.take()
    assert played.rows == {}
    assert played.operator.progress.open == 0
    assert len(played.finals) >= len(played.table)
    if not isinstance(definition.assigner, Session):
        assert len({window for window, _ in played.finals}) == len(played.finals)


@given(definition=definitions, history=histories)
@EXAMPLES
def test_every_event_is_counted_or_put_aside(definition: Windows, history: list[Any]) -> None:
    played, _ = play(definition, history)
    counters = played.operator.progress.counters
    assert counters["events"] == sum(len(what) for verb, what in history if verb == "add")
    assert counters["late"] + counters["future"] + counters["failed"] == len(played.asides)


def _finals(definition: Windows, events: list[Event]) -> list[tuple[Window, dict[str, Any]]]:
    played = Played(definition)
    played.operator.add_many(events)
    played.operator.advance(AT_THE_END)
    played.take()
    return played.finals


def _emissions(definition: Windows, events: list[Event]) -> list[Emission]:
    operator = Windowed(definition)
    operator.add_many(events)
    operator.advance(AT_THE_END)
    return [each for each in operator.take().emissions if each.kind is Kind.FINAL]
