"""UpgradeLock and DowngradeLock."""

from streams.domain.locks.commands import EXCLUSIVE, SHARED
from streams.domain.locks.events import LockDowngraded, LockExpired, LockReleased
from streams.domain.locks.replies import LockHeld, LockWaiting
from tests.unit.locks.spec import (
    TTL,
    WAIT,
    acquire,
    downgrade,
    given,
    granted,
    release,
    renew,
    sharers,
    upgrade,
    upgrade_waiting,
    upgraded,
    waiting,
    withdrawn,
)


def test_the_only_sharer_is_upgraded_at_once_with_a_new_token_and_a_fresh_lease() -> None:
    spec = given(*sharers("a")).at(600).when(upgrade(1), "a", 2).then(upgraded("a", 1, 2, 600 + TTL))
    spec.answers(LockHeld(2, EXCLUSIVE, 600 + TTL))
    spec.when(renew(1), "a").refuses("NOT_HELD")
    spec.when(release(2), "a").free()


def test_an_upgrade_never_shortens_the_lease() -> None:
    spec = given(*sharers("a")).when(renew(1, 5 * TTL), "a").when(upgrade(1), "a", 2)
    spec.then(upgraded("a", 1, 3, 5 * TTL))


def test_a_try_among_sharers_is_refused() -> None:
    given(*sharers("a", "b")).when(upgrade(1), "a", 2).refuses("LOCK_BUSY", "SHARED")


def test_an_upgrade_waits_for_the_other_sharers_and_goes_ahead_of_the_queue() -> None:
    spec = given(*sharers("a", "b", "c"), waiting("w", 4, priority=9))
    spec = spec.when(upgrade(1, WAIT), "a", 2).then(upgrade_waiting("a", 5, 1))
    spec.answers(LockWaiting(5, 1), waiting=True).queue("a", "w")
    spec = spec.when(release(2), "b").then(LockReleased(2))
    spec = spec.at(7).when(release(3), "c").then(LockReleased(3), upgraded("a", 1, 8, 7 + TTL, ticket=5))
    spec.settles(("a", 2, LockHeld(8, EXCLUSIVE, 7 + TTL))).holders("a").queue("w")


def test_being_passed_by_an_upgrade_is_not_overtaking() -> None:
    spec = given(*sharers("a", "b"), waiting("w", 4)).when(upgrade(1, WAIT), "a", 2)
    assert [waiter.overtaken for waiter in spec.state.waiters] == [0, 0]


def test_nobody_passes_a_waiting_upgrade() -> None:
    spec = given(*sharers("a", "b"), upgrade_waiting("a", 3, 1))
    spec.when(acquire(SHARED, priority=9), "c").refuses("LOCK_BUSY")
    spec.when(acquire(SHARED, priority=9, wait_ms=WAIT), "c").queue("a", "c")


def test_a_second_waiting_upgrade_is_refused() -> None:
    spec = given(*sharers("a", "b"), upgrade_waiting("a", 3, 1))
    spec.when(upgrade(2, WAIT), "b", 2).refuses("UPGRADE_CONFLICT", "release it")
    spec.when(upgrade(2), "b", 2).refuses("UPGRADE_CONFLICT")
    spec.when(upgrade(1, WAIT), "a", 7).refuses("ALREADY_WAITING", "command 2")


def test_an_exclusive_holder_has_nothing_to_upgrade() -> None:
    given(granted("a", 7)).when(upgrade(7, WAIT), "a", 2).then().answers(LockHeld(7, EXCLUSIVE, TTL))


def test_releasing_the_share_ends_its_waiting_upgrade() -> None:
    spec = given(*sharers("a", "b"), upgrade_waiting("a", 3, 1), waiting("c", 4, SHARED, position=2))
    spec = spec.when(release(1), "a", 3)
    spec.then(
        withdrawn("a", 3, "RELEASED", sequence=2), LockReleased(1), granted("c", 7, SHARED, ticket=4)
    ).settles(("a", 2, "NOT_HELD"), ("c", 1, LockHeld(7, SHARED, TTL))).holders("b", "c")


def test_expiry_of_the_share_ends_its_waiting_upgrade() -> None:
    spec = given(granted("b", 1, SHARED, at=50), granted("a", 2, SHARED), upgrade_waiting("a", 3, 2))
    spec.at(TTL).tick().then(withdrawn("a", 3, "EXPIRED", sequence=2), LockExpired(2, None, "")).settles(
        ("a", 2, "NOT_HELD")
    ).holders("b").queue()


def test_renewing_the_share_keeps_the_upgrade_waiting() -> None:
    spec = given(*sharers("a", "b"), upgrade_waiting("a", 3, 1)).at(TTL - 1).when(renew(1), "a", 3)
    spec.at(TTL).tick().then(LockExpired(2, None, ""), upgraded("a", 1, 6, 2 * TTL, ticket=3))


def test_an_upgrade_that_found_the_others_expired_is_granted() -> None:
    spec = given(granted("a", 1, SHARED, at=50), granted("b", 2, SHARED)).at(TTL).when(upgrade(1), "a", 2)
    spec.then(LockExpired(2, None, ""), upgraded("a", 1, 4, 2 * TTL))


def test_an_upgrade_of_an_expired_rival_is_no_conflict() -> None:
    spec = given(granted("a", 1, SHARED, at=50), granted("b", 2, SHARED), upgrade_waiting("b", 3, 2)).at(TTL)
    spec = spec.when(upgrade(1), "a", 2).holders("a").queue()
    assert spec.state.holders[0].mode == EXCLUSIVE


def test_a_second_upgrade_of_a_share_whose_first_is_about_to_be_granted() -> None:
    spec = given(granted("a", 1, SHARED, at=50), granted("b", 2, SHARED), upgrade_waiting("a", 3, 1))
    spec.at(TTL).when(upgrade(1, WAIT), "a", 7).refuses("ALREADY_WAITING")


def test_an_upgrade_whose_first_wait_is_over_waits_anew() -> None:
    spec = given(*sharers("a", "b"), upgrade_waiting("a", 3, 1, wait=300)).at(300)
    spec = spec.when(upgrade(1, WAIT), "a", 7).queue("a")
    spec.settles(("a", 2, "WAIT_TIMED_OUT")).answers(LockWaiting(5, 1), waiting=True)


def test_downgrade_keeps_the_token_and_lets_the_sharers_in() -> None:
    spec = given(granted("a", 1), waiting("b", 2, SHARED), waiting("w", 3, position=2))
    spec = spec.when(downgrade(1), "a", 2).then(LockDowngraded(1), granted("b", 5, SHARED, ticket=2))
    spec.answers(LockHeld(1, SHARED, TTL)).holders("a", "b").queue("w")
    spec.when(renew(1, 2 * TTL), "a").holders("a", "b")


def test_downgrading_a_share_changes_nothing() -> None:
    given(*sharers("a")).when(downgrade(1), "a").then().answers(LockHeld(1, SHARED, TTL))


def test_a_downgrade_does_not_pass_a_waiting_writer() -> None:
    spec = given(granted("a", 1), waiting("w", 2), waiting("b", 3, SHARED, position=2))
    spec.when(downgrade(1), "a").then(LockDowngraded(1)).queue("w", "b")


def test_one_can_go_up_and_down_again() -> None:
    spec = given(*sharers("a")).when(upgrade(1), "a", 2).when(downgrade(2), "a", 3)
    spec.when(upgrade(2), "a", 4).then(upgraded("a", 2, 4, TTL, sequence=4))
