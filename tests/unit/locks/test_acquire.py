"""AcquireLock on a lock that is free, taken, or held by the handle itself."""

from streams.domain.decider import Context, Requester
from streams.domain.locks import decider
from streams.domain.locks.commands import EXCLUSIVE, SHARED, Transaction
from streams.domain.locks.events import LockExpired, LockReleased, LockTerms
from streams.domain.locks.replies import LockFreed, LockHeld, LockWaiting
from tests.unit.locks.spec import (
    TTL,
    WAIT,
    acquire,
    given,
    granted,
    release,
    sharers,
    upgrade_waiting,
    waiting,
    who,
)


def test_a_free_lock_is_granted_at_once() -> None:
    given().at(50).when(acquire(), "a").then(granted("a", 1, at=50)).answers(
        LockHeld(1, EXCLUSIVE, 50 + TTL)
    ).due(50 + TTL)


def test_release_leaves_nothing_behind() -> None:
    given(granted("a", 7)).when(release(7), "a").then(LockReleased(7)).answers(LockFreed(7)).free().due(None)


def test_the_token_carries_the_generation() -> None:
    context = Context(now=0, generation=3, next_number=5)
    reply = decider.decide(acquire(), who("a"), decider.initial("x"), context).reply
    assert reply == LockHeld((3 << 48) | 5, EXCLUSIVE, TTL)


def test_what_was_asked_for_stays_with_the_grant() -> None:
    transaction = Transaction("t1", 99)
    spec = given().when(acquire(lock_delay_ms=500, transaction=transaction), "a")
    spec.then(granted("a", 1, terms=LockTerms(500, transaction, "")))


def test_a_try_on_a_held_lock_is_refused() -> None:
    given(granted("a", 7)).when(acquire(), "b").refuses("LOCK_BUSY", "orders/42", "client-a", "wait_ms > 0")


def test_sharers_hold_together() -> None:
    given(*sharers("a", "b")).when(acquire(SHARED), "c").then(granted("c", 3, SHARED)).holders("a", "b", "c")


def test_shared_and_exclusive_exclude_each_other() -> None:
    given(*sharers("a")).when(acquire(EXCLUSIVE), "b").refuses("LOCK_BUSY")
    given(granted("a", 7)).when(acquire(SHARED), "b").refuses("LOCK_BUSY", "EXCLUSIVE")


def test_a_wait_queues() -> None:
    spec = given(granted("a", 7)).at(20).when(acquire(wait_ms=WAIT), "b")
    spec.then(waiting("b", 8, at=20)).answers(LockWaiting(8, 1), waiting=True)
    spec.when(acquire(wait_ms=WAIT), "c").answers(LockWaiting(9, 2), waiting=True).queue("b", "c")


def test_release_hands_the_lock_to_the_first_waiter() -> None:
    spec = given(granted("a", 7), waiting("b", 8), waiting("c", 9, position=2)).at(500)
    spec.when(release(7), "a").then(LockReleased(7), granted("b", 11, at=500, ticket=8)).settles(
        ("b", 1, LockHeld(11, EXCLUSIVE, 500 + TTL))
    ).queue("c")


def test_what_waited_with_its_wish_is_granted_with_it() -> None:
    terms = LockTerms(0, Transaction("t1", 99), "")
    spec = given(granted("a", 7), waiting("b", 8, terms=terms)).when(release(7), "a")
    spec.then(LockReleased(7), granted("b", 10, ticket=8, terms=terms))


def test_acquiring_again_answers_the_same_token_without_an_event() -> None:
    spec = given(granted("a", 7)).at(900)
    spec.when(acquire(), "a", sequence=2).then().answers(LockHeld(7, EXCLUSIVE, TTL))


def test_acquiring_again_ignores_other_arguments_and_does_not_extend_the_lease() -> None:
    again = acquire(ttl_ms=5 * TTL, wait_ms=WAIT, priority=9, lock_delay_ms=9)
    given(granted("a", 7)).when(again, "a", sequence=2).then().answers(LockHeld(7, EXCLUSIVE, TTL))


def test_acquiring_again_works_past_waiters() -> None:
    given(*sharers("a"), waiting("b", 2)).when(acquire(SHARED), "a", 2).then().answers(
        LockHeld(1, SHARED, TTL)
    )


def test_acquiring_in_the_other_mode_names_the_way() -> None:
    given(*sharers("a")).when(acquire(EXCLUSIVE), "a").refuses("HELD_IN_OTHER_MODE", "UpgradeLock")
    given(granted("a", 7)).when(acquire(SHARED), "a").refuses("HELD_IN_OTHER_MODE", "DowngradeLock")


def test_a_handle_waits_once() -> None:
    spec = given(granted("a", 7), waiting("b", 8, sequence=5))
    spec.when(acquire(wait_ms=WAIT), "b", sequence=6).refuses("ALREADY_WAITING", "command 5", "withdraw")
    spec.when(acquire(), "b", sequence=6).refuses("ALREADY_WAITING")


def test_a_waiting_upgrade_does_not_hide_the_share() -> None:
    spec = given(*sharers("a", "b"), upgrade_waiting("a", 3, 1))
    spec.when(acquire(SHARED), "a", 9).answers(LockHeld(1, SHARED, TTL))
    spec.when(acquire(EXCLUSIVE), "a", 9).refuses("HELD_IN_OTHER_MODE")


def test_a_holder_is_principal_client_and_handle() -> None:
    for other in (
        Requester("bob", "client-a", "a", 1),
        Requester("alice", "client-b", "a", 1),
        Requester("alice", "client-a", "b", 1),
    ):
        given(granted("a", 7)).when_by(other, acquire()).refuses("LOCK_BUSY")
        given(granted("x", 6), waiting("a", 7)).when_by(other, acquire(wait_ms=WAIT)).queue("a", other.handle)


def test_whoever_comes_first_after_an_expiry_gets_the_lock_without_waiting_for_the_timer() -> None:
    spec = given(granted("a", 7)).at(TTL).when(acquire(), "b")
    assert [type(event).__name__ for event in spec.decision.events] == ["LockExpired", "LockGranted"]
    spec.answers(LockHeld(9, EXCLUSIVE, 2 * TTL)).holders("b")


def test_a_handle_whose_lease_is_over_acquires_anew() -> None:
    spec = given(granted("a", 7)).at(TTL).when(acquire(SHARED), "a", 2)
    spec.then(LockExpired(7, None, ""), granted("a", 9, SHARED, at=TTL, sequence=2))


def test_a_handle_whose_wait_is_over_queues_anew() -> None:
    spec = given(granted("a", 7, ttl=2 * WAIT), waiting("b", 8)).at(WAIT)
    spec = spec.when(acquire(wait_ms=WAIT), "b", 2).queue("b")
    spec.settles(("b", 1, "WAIT_TIMED_OUT")).answers(LockWaiting(10, 1), waiting=True)


def test_a_handle_that_is_about_to_be_granted_still_waits() -> None:
    """Its grant is not logged yet, so nobody may be told of its token."""
    spec = given(granted("a", 7), waiting("b", 8)).at(TTL)
    spec.when(acquire(SHARED), "b", 2).refuses("ALREADY_WAITING").holders("a")


def test_a_refusal_logs_no_expiry() -> None:
    spec = given(granted("a", 7), waiting("b", 8)).at(TTL)
    spec.when(acquire(), "c").refuses("LOCK_BUSY").holders("a").due(TTL)
