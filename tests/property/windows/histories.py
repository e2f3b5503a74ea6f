"""Any events in any order, in any batches, with takes and restarts in between. Not a test itself."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from streams.windows.definition import Assigner, Hopping, Session, Sliding, Tumbling, Windows
from streams.windows.operator import Windowed
from streams.windows.taken import Kind, Slot, Taken
from tests.property.windows.brute import UNLUCKY, Brute, Event, Window, aggregates

EXAMPLE = Windows(Tumbling(10), aggregates())
ASSIGNERS: list[Assigner] = [
    Tumbling(1), Tumbling(10), Hopping(10, 5), Hopping(10, 4), Hopping(6, 1), Sliding(1), Sliding(7), Session(1),
    Session(5),
]  # fmt: skip
definitions = st.builds(
    lambda assigner, out_of_order, lateness, ahead, early: replace(
        EXAMPLE,
        assigner=assigner,
        out_of_order_ms=out_of_order,
        lateness_ms=lateness,
        ahead_ms=ahead,
        early_ms=early,
    ),
    st.sampled_from(ASSIGNERS),
    st.sampled_from([0, 3, 12]),
    st.sampled_from([0, 0, 1, 8, 30]),
    st.sampled_from([25, 1000]),
    st.sampled_from([None, 0, 4, 10]),
)
values: st.SearchStrategy[Any] = st.one_of(st.integers(0, 30), st.just("bad"), st.just(UNLUCKY))
events = st.tuples(st.sampled_from([("a",), ("b",)]), st.integers(0, 40), values)
steps = st.one_of(
    st.tuples(st.just("add"), st.lists(events, min_size=1, max_size=6)),
    st.tuples(st.just("add"), st.lists(events, min_size=1, max_size=6)),
    st.tuples(st.just("add"), st.lists(st.tuples(st.just(("a",)), st.integers(40, 90), values), max_size=2)),
    st.tuples(st.just("advance"), st.integers(0, 60)),
    st.tuples(st.just("take"), st.just(0)),
    st.tuples(st.just("restart"), st.just(0)),
)
histories = st.lists(steps, max_size=16)


class Played:
    """An operator, with a store of its state and a table of its results, as a sink keeps them."""

    def __init__(self, definition: Windows) -> None:
        self.definition = definition
        self.operator = Windowed(definition)
        self.rows: dict[Slot, str] = {}
        self.clock: str | None = None
        self.table: dict[Window, dict[str, Any]] = {}
        self.finals: list[tuple[Window, dict[str, Any]]] = []
        self.asides: list[tuple[str, Event]] = []

    def take(self) -> Taken:
        taken = self.operator.take()
        self.clock = taken.clock or self.clock
        for slot, text in taken.states.items():
            if text is None:
                del self.rows[slot]  # only what was stored is deleted
            else:
                self.rows[slot] = text
        self.asides += [(each.reason.value, (each.key, each.time_ms, each.value)) for each in taken.asides]
        for each in taken.emissions:
            window, results = (each.key, each.start), dict(each.results)
            assert not each.errors
            if each.kind is Kind.RETRACTED:
                del self.table[window]  # only what was told is retracted
                continue
            if each.kind is Kind.FINAL:
                self.finals.append((window, results))
            self.table[window] = results
        return taken

    def restart(self) -> None:
        self.take()
        assert self.clock is not None
        self.operator = Windowed(self.definition)
        self.operator.restore(self.clock, sorted(self.rows.items(), reverse=True))


def play(definition: Windows, history: list[Any]) -> tuple[Played, Brute]:
    played, brute = Played(definition), Brute(definition)
    for verb, what in [*history, ("take", 0)]:
        match verb:
            case "add":
                played.operator.add_many(what)
                for event in what:
                    brute.add(event)
            case "advance":
                played.operator.advance(what)
                brute.advance(what)
            case "take":
                played.take()
                brute.took()
            case "restart":
                played.restart()
                brute.took()
    return played, brute


def same(definition: Windows, history: list[Any]) -> None:
    """The property: what is told is what naive windows hold."""
    played, brute = play(definition, history)
    assert played.asides == brute.asides
    assert played.finals == brute.finals
    assert played.table == brute.table
    assert len(played.rows) == played.operator.progress.open
