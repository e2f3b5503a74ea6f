"""Who is next: first come first served, priorities, and the bound on being overtaken."""

import pytest

from streams.domain.locks import limits
from streams.domain.locks.commands import EXCLUSIVE, SHARED, Mode
from streams.domain.locks.events import LockReleased
from streams.domain.locks.replies import LockHeld, LockWaiting
from tests.unit.locks.spec import TTL, WAIT, Spec, acquire, given, granted, release, sharers, waiting


def test_a_sharer_queues_behind_an_earlier_writer() -> None:
    spec = given(*sharers("a"), waiting("w", 2)).when(acquire(SHARED, wait_ms=WAIT), "b")
    spec.answers(LockWaiting(3, 2), waiting=True).queue("w", "b")
    given(*sharers("a"), waiting("w", 2)).when(acquire(SHARED), "b").refuses("LOCK_BUSY")


def test_consecutive_sharers_are_granted_together_up_to_the_next_writer() -> None:
    spec = given(
        granted("a", 1),
        waiting("b", 2, SHARED),
        waiting("c", 3, SHARED, position=2),
        waiting("w", 4, position=3),
        waiting("d", 5, SHARED, position=4),
    ).when(release(1), "a")
    spec.then(LockReleased(1), granted("b", 7, SHARED, ticket=2), granted("c", 8, SHARED, ticket=3)).settles(
        ("b", 1, LockHeld(7, SHARED, TTL)), ("c", 1, LockHeld(8, SHARED, TTL))
    ).queue("w", "d")


def test_a_writer_gets_its_turn_when_the_last_sharer_leaves() -> None:
    spec = given(*sharers("a", "b"), waiting("w", 3)).when(release(1), "a").then(LockReleased(1))
    spec.when(release(2), "b").then(LockReleased(2), granted("w", 6, ticket=3))


def test_a_higher_priority_goes_ahead_of_lower_ones_only() -> None:
    spec = given(
        granted("a", 1),
        waiting("p9", 2, priority=9),
        waiting("p5", 3, priority=5, position=2),
        waiting("p1", 4, priority=1, position=3),
    )
    spec.when(acquire(wait_ms=WAIT, priority=5), "n").answers(LockWaiting(5, 3), waiting=True).queue(
        "p9", "p5", "n", "p1"
    )
    spec.when(acquire(wait_ms=WAIT, priority=0), "n").queue("p9", "p5", "p1", "n")
    spec.when(acquire(wait_ms=WAIT, priority=9), "n").queue("p9", "n", "p5", "p1")


def test_a_sharer_of_higher_priority_passes_a_waiting_writer() -> None:
    spec = given(*sharers("a"), waiting("w", 2, priority=3))
    spec.when(acquire(SHARED, priority=4), "b").then(granted("b", 3, SHARED)).queue("w")
    spec.when(acquire(SHARED, priority=3), "b").refuses("LOCK_BUSY")


def test_a_writer_of_higher_priority_still_waits_for_the_holder() -> None:
    given(*sharers("a")).when(acquire(priority=9), "w").refuses("LOCK_BUSY")


@pytest.mark.parametrize("mode", [SHARED, EXCLUSIVE])
def test_nobody_is_overtaken_more_often_than_the_bound(mode: Mode) -> None:
    """SHARED passes by being granted at once, EXCLUSIVE by queueing ahead."""

    def pass_by(spec: Spec, index: int) -> Spec:
        return spec.when(acquire(mode, wait_ms=WAIT, priority=9), f"n{index}")

    spec = given(*sharers("a"), waiting("w", 2)).repeat(limits.MAX_OVERTAKEN, pass_by)
    assert spec.state.waiters[-1].handle == "w"
    assert spec.state.waiters[-1].overtaken == limits.MAX_OVERTAKEN
    spec = pass_by(spec, 99)
    assert [waiter.handle for waiter in spec.state.waiters][-2:] == ["w", "n99"]


def test_being_granted_ahead_and_queued_ahead_count_alike() -> None:
    spec = given(*sharers("a"), waiting("w", 2))
    spec = spec.when(acquire(SHARED, priority=1), "b").when(acquire(wait_ms=WAIT, priority=1), "c")
    assert [(waiter.handle, waiter.overtaken) for waiter in spec.state.waiters] == [("c", 0), ("w", 2)]


def test_a_waiter_that_cannot_be_passed_shields_those_ahead() -> None:
    spec = given(granted("a", 1), waiting("p0", 2, priority=0), waiting("p9", 3, priority=9, position=2))
    spec.when(acquire(wait_ms=WAIT, priority=5), "n").queue("p0", "p9", "n")


def test_a_departing_writer_lets_the_sharers_behind_it_in() -> None:
    spec = given(*sharers("a"), waiting("w", 2, wait=100), waiting("b", 3, SHARED, position=2)).due(100)
    spec.at(100).tick().holders("a", "b").queue()
