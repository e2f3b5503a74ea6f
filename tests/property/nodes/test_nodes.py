"""Any commands, beats and silences: one live session a node, no death without silence, and the log tells it all."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.nodes.world import NAMES, Nodes

names = st.sampled_from(NAMES)
clients = st.sampled_from(["c0", "c1"])
which = st.integers(0, 9)
beats = st.lists(st.tuples(names, clients, which | st.just(-1)), min_size=1, max_size=6)
steps = st.one_of(
    st.tuples(st.just("register"), names, clients, st.just(-1)),
    st.tuples(st.just("register"), names, clients, which),
    st.tuples(st.just("beats"), beats),
    st.tuples(st.just("stray"), names, which),
    st.tuples(st.just("leave"), names, clients, st.sampled_from(["deregister", "evict"])),
    st.tuples(st.just("sweep"), names, which),
    st.tuples(st.just("pass_time"), st.integers(1, 1_200)),
    st.tuples(st.just("pass_time"), st.sampled_from([499, 500, 999, 1_000, 300_000, 600_000])),
)
EXAMPLES = settings(max_examples=150, deadline=None)


@EXAMPLES
@given(st.lists(steps, min_size=20, max_size=80))
def test_nodes_do_what_the_oracle_foretells(history: list[Any]) -> None:
    world = Nodes()
    for name in NAMES:
        world.register(name, "c0", -1)
    for verb, *args in history:
        getattr(world, verb)(*args)
        world.check()
    world.check_log()


@EXAMPLES
@given(st.lists(st.tuples(names, st.integers(0, 3)), min_size=30, max_size=60))
def test_whoever_is_never_swept_keeps_a_bounded_past(history: list[tuple[str, int]]) -> None:
    world = Nodes()
    for name, times in history:
        for _ in range(times):
            world.register(name, "c0", -1)
            world.register(name, "c1", len(world.sessions[name]) - 1)
            world.check()
    world.check_log()


@EXAMPLES
@given(st.lists(steps, min_size=10, max_size=40))
def test_whoever_falls_silent_is_forgotten_in_the_end(history: list[Any]) -> None:
    world = Nodes()
    for verb, *args in history:
        getattr(world, verb)(*args)
    world.pass_time(1_000)
    for name in NAMES:
        for index in range(len(world.sessions[name])):
            world.sweep(name, index)
    world.pass_time(600_000)
    assert all(state is Nodes.initial() for state in world.states.values())
