"""No false abort, and no deadlock left, whatever happens and however late the detectors hear of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.processes.world import ACTORS, LOCKS_EACH, PARTITIONS, Step, World

VERBS = (
    *("acquire",) * 12,
    *("read",) * 6,
    *("command",) * 4,
    *("deliver",) * 3,
    *("release", "release", "upgrade", "upgrade", "downgrade", "withdraw", "pass"),
)
STEPS = st.lists(
    st.builds(
        Step,
        verb=st.sampled_from(VERBS),
        actor=st.integers(0, ACTORS - 1),
        lock=st.integers(0, len(PARTITIONS) * LOCKS_EACH - 1),
        pick=st.integers(0, 7),
        mode=st.sampled_from(["EXCLUSIVE", "EXCLUSIVE", "SHARED"]),
        priority=st.sampled_from([0, 0, 0, 9]),
    ),
    min_size=30,
    max_size=120,
)


@pytest.mark.parametrize("detectors", [1, 2])
@given(steps=STEPS)
@settings(max_examples=120, deadline=None)
def test_true_deadlocks_are_broken_and_nothing_else_is(detectors: int, steps: list[Step]) -> None:
    world = World(detectors)
    for step in steps:
        world.play(step)
    world.settle()
    assert not world.circles()
    for observer in world.observers:
        assert not observer.detector.candidates


@given(steps=STEPS, cut=st.integers(0, 120))
@settings(max_examples=80, deadline=None)
def test_a_detector_that_starts_from_restored_locks_finds_what_is_there(steps: list[Step], cut: int) -> None:
    """It begins each partition at another place; what was decided before is there as state only."""
    world = World(0)
    for number, step in enumerate(steps):
        if number == cut:
            world.restart()
        world.play(step)
    if not world.observers:
        world.restart()
    world.settle()
    assert not world.circles()
