"""What holds for a lock whatever is asked of it, whenever. The checks are in `world` and `ledger`."""

from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.locks import decider, limits
from streams.domain.locks.commands import EXCLUSIVE, SHARED, Mode
from streams.domain.locks.state import FREE
from tests.property.locks.world import Limits, Step, World

REAL = Limits(limits.MAX_EVENTS, limits.MAX_OVERTAKEN, limits.MAX_SHARERS, limits.MAX_WAITERS)
VERBS = (
    *("acquire",) * 10,
    *("release",) * 3,
    *("upgrade",) * 4,
    *("renew", "downgrade", "withdraw", "abort", "inspect"),
    *("pass",) * 3,
    "tick",
)
STEPS = st.lists(
    st.builds(
        Step,
        verb=st.sampled_from(VERBS),
        actor=st.integers(0, 7),
        pick=st.integers(0, 120),
        mode=st.sampled_from(["SHARED", "SHARED", "EXCLUSIVE"]),
        ttl_ms=st.sampled_from([100, 150, 100_000]),
        wait_ms=st.sampled_from([0, 60, 200, 100_000, 100_000]),
        priority=st.sampled_from([0, 0, 1, 9]),
        lock_delay_ms=st.sampled_from([0, 0, 70]),
    ),
    min_size=20,
    max_size=80,
)
MODES: st.SearchStrategy[Mode] = st.sampled_from([SHARED, EXCLUSIVE])
EXAMPLES = settings(max_examples=150, deadline=None)


@pytest.mark.parametrize("bounds", [Limits(), REAL], ids=["small", "real"])
@given(steps=STEPS)
@EXAMPLES
def test_every_promise_holds_whatever_is_asked(bounds: Limits, steps: list[Step]) -> None:
    with bounds.applied():
        world = World(bounds)
        for step in steps:
            world.play(step)
        world.run_out()


@given(steps=STEPS)
@EXAMPLES
def test_a_prompt_timer_leaves_nobody_past_their_time(steps: list[Step]) -> None:
    with Limits().applied():
        world = World(Limits())
        for step in steps:
            world.ticks()
            world.play(step)
        world.run_out()


@given(steps=STEPS, cut=st.integers(0, 80))
@EXAMPLES
def test_replay_equals_live_from_any_point(steps: list[Step], cut: int) -> None:
    with Limits().applied():
        world = World(Limits())
        snapshot, at = FREE, 0
        for index, step in enumerate(steps):
            if index == cut:
                snapshot, at = world.state, len(world.log)
            world.play(step)
        assert reduce(decider.evolve, world.log, decider.initial("lock")) == world.state
        assert reduce(decider.evolve, world.log[at:], snapshot) == world.state


@given(waiters=st.lists(st.tuples(st.integers(0, 8), MODES), min_size=1, max_size=4), newcomer=MODES)
@EXAMPLES
def test_no_stream_of_newcomers_starves_a_waiter(waiters: list[tuple[int, Mode]], newcomer: Mode) -> None:
    """However many with the highest priority keep coming, those who waited are granted before them in the end."""
    bounds = Limits(overtaken=3, sharers=10_000, waiters=10_000)
    with bounds.applied():
        world = World(bounds)
        world.play(_patient(1_000, "SHARED", 0))
        for index, (priority, mode) in enumerate(waiters):
            world.play(_patient(index, mode, priority))
        first = set(world.ledger.waits)
        for index in range(40):
            world.play(_patient(10 + index, newcomer, 9))
            token = min(world.ledger.leases)
            actor = int(world.ledger.leases[token].who[2].removeprefix("h"))
            world.play(Step("release", actor, pick=1))
            world.ticks()
        assert not first & set(world.ledger.waits), "starved"


def _patient(actor: int, mode: Mode, priority: int) -> Step:
    return Step("acquire", actor, mode=mode, priority=priority, ttl_ms=100_000, wait_ms=100_000)
