"""The ends of waits: timeout, withdrawal, deadlock."""

from streams.domain.decider import Rejected, Requester
from streams.domain.locks import decider
from streams.domain.locks.commands import EXCLUSIVE, SHARED, WaitEdge
from streams.domain.locks.events import LockDowngraded, LockReleased
from streams.domain.locks.replies import LockHeld, LockWithdrawn, WaitAborted
from tests.unit.locks.spec import (
    TTL,
    WAIT,
    abort,
    aborted,
    acquire,
    given,
    granted,
    sharers,
    timed_out,
    upgrade,
    upgrade_waiting,
    upgraded,
    waiting,
    withdraw,
    withdrawn,
)

NOTHING = LockWithdrawn("NOTHING", None)
WAIT_ENDED = LockWithdrawn("WAIT_ENDED", None)


def test_a_wait_times_out() -> None:
    spec = given(granted("a", 7), waiting("b", 8, wait=300)).due(300).at(300).tick()
    spec.then(timed_out("b", 8)).settles(("b", 1, "WAIT_TIMED_OUT")).holders("a").queue().due(TTL)


def test_an_upgrade_times_out_and_keeps_its_share() -> None:
    spec = given(*sharers("a", "b"), upgrade_waiting("a", 3, 1, wait=300)).at(300).tick()
    spec.then(timed_out("a", 3, sequence=2)).settles(("a", 2, "WAIT_TIMED_OUT")).holders("a", "b")


def test_whoever_is_granted_at_its_last_moment_would_have_timed_out() -> None:
    spec = given(granted("a", 7), waiting("b", 8, wait=TTL)).at(TTL).tick()
    spec.settles(("b", 1, "WAIT_TIMED_OUT")).free()


def test_withdrawing_a_wait_lets_those_behind_move_up() -> None:
    spec = given(*sharers("a"), waiting("w", 2, sequence=4), waiting("b", 3, SHARED, position=2))
    spec = spec.when(withdraw(4), "w", 5)
    spec.then(withdrawn("w", 2, sequence=4), granted("b", 5, SHARED, ticket=3)).answers(WAIT_ENDED)
    spec.settles(("w", 4, "WAIT_WITHDRAWN"), ("b", 1, LockHeld(5, SHARED, TTL)))
    spec.when(withdraw(4), "w", 6).then().answers(NOTHING)


def test_withdrawing_what_was_granted_meanwhile_gives_it_back() -> None:
    spec = given(granted("a", 7, sequence=4), waiting("b", 8)).when(withdraw(4), "a", 5)
    spec.then(LockReleased(7), granted("b", 10, ticket=8)).answers(LockWithdrawn("RELEASED", 7))
    spec.when(withdraw(4), "a", 6).then().answers(NOTHING)


def test_withdrawing_an_acquire_ends_the_waiting_upgrade_too() -> None:
    spec = given(*sharers("a", "b"), upgrade_waiting("a", 3, 1)).when(withdraw(1), "a", 5)
    spec.then(withdrawn("a", 3, "RELEASED", sequence=2), LockReleased(1)).holders("b").queue()


def test_withdrawing_a_waiting_upgrade_keeps_the_share() -> None:
    spec = given(*sharers("a", "b"), upgrade_waiting("a", 3, 1)).when(withdraw(2), "a", 5)
    spec.then(withdrawn("a", 3, sequence=2)).answers(WAIT_ENDED).holders("a", "b").queue()


def test_withdrawing_a_granted_upgrade_returns_to_the_share() -> None:
    spec = given(*sharers("a"), upgraded("a", 1, 2, TTL)).when(withdraw(2), "a", 5)
    spec.then(LockDowngraded(2)).answers(LockWithdrawn("DOWNGRADED", 2))
    spec.when(withdraw(2), "a", 6).then().answers(LockWithdrawn("DOWNGRADED", 2))
    spec.when(withdraw(1), "a", 7).answers(LockWithdrawn("RELEASED", 2)).free()


def test_withdrawing_a_repeated_acquire_does_not_touch_the_lease() -> None:
    spec = given(granted("a", 7)).when(acquire(), "a", 2)
    spec.when(withdraw(2), "a", 3).then().answers(NOTHING).holders("a")


def test_nobody_withdraws_for_another() -> None:
    spec = given(granted("a", 7), waiting("b", 8))
    for other in (Requester("bob", "client-a", "a", 9), Requester("alice", "client-x", "a", 9)):
        spec.when_by(other, withdraw(1)).then().answers(NOTHING)
    for other in (Requester("bob", "client-b", "b", 9), Requester("alice", "client-x", "b", 9)):
        spec.when_by(other, withdraw(1)).then().answers(NOTHING)


def test_withdrawal_needs_no_handle_because_a_sequence_is_the_clients() -> None:
    spec = given(granted("a", 7), waiting("b", 8))
    spec.when_by(Requester("alice", "client-b", "", 9), withdraw(1)).answers(WAIT_ENDED)


def test_a_deadlock_victim_is_told_the_cycle_and_those_behind_move_up() -> None:
    spec = given(*sharers("a"), waiting("w", 2), waiting("b", 3, SHARED, position=2)).when(abort(2), "d")
    spec.then(aborted("w", 2), granted("b", 5, SHARED, ticket=3)).answers(WaitAborted(2, aborted=True))
    spec.settles(("w", 1, "DEADLOCK_VICTIM"), ("b", 1, LockHeld(5, SHARED, TTL)))
    settled = decider.settles(aborted("w", 2))
    assert settled is not None
    assert isinstance(settled.reply, Rejected)
    assert "t1 -[a]-> t2 -[b]-> t1" in settled.reply.message
    assert ("edge", "t2 waits on b for t1") in settled.reply.details


def test_a_second_abort_does_nothing() -> None:
    spec = given(granted("a", 1), waiting("w", 2)).when(abort(2), "d").when(abort(2), "d2")
    spec.then().answers(WaitAborted(2, aborted=False))


def test_aborting_a_wait_that_was_granted_does_nothing() -> None:
    given(granted("a", 1)).when(abort(1), "d").then().answers(WaitAborted(1, aborted=False)).holders("a")


def test_an_aborted_upgrade_keeps_its_share() -> None:
    spec = given(*sharers("a", "b"), upgrade_waiting("a", 3, 1)).when(abort(3), "d")
    spec.settles(("a", 2, "DEADLOCK_VICTIM")).holders("a", "b").queue()


def test_a_cycle_has_edges_but_not_too_many() -> None:
    edge = WaitEdge("t", "l", 1, "t", 1)
    spec = given(granted("a", 1), waiting("w", 2))
    spec.when(abort(2, ()), "d").refuses("BAD_ARGUMENT", "cycle")
    spec.when(abort(2, (edge,) * 257), "d").refuses("BAD_ARGUMENT", "cycle")
    spec.when(abort(2, (edge,) * 256), "d").queue()


def test_a_new_wait_can_follow_an_ended_one() -> None:
    spec = given(granted("a", 1), waiting("b", 2)).when(withdraw(1), "b", 2)
    spec.when(acquire(EXCLUSIVE, wait_ms=WAIT), "b", 3).queue("b")


def test_an_upgrade_that_waits_is_refused_a_repeat_but_not_the_holder_its_share() -> None:
    spec = given(*sharers("a", "b")).when(upgrade(1, WAIT), "a", 2)
    spec.when(upgrade(1, WAIT), "a", 3).refuses("ALREADY_WAITING")
