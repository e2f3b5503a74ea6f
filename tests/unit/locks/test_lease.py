"""Leases: renewal, release, expiry, lock-delay."""

import pytest

from streams.domain.decider import Rejected, Requester
from streams.domain.locks.commands import EXCLUSIVE, SHARED, Command
from streams.domain.locks.events import LockDelayEnded, LockExpired, LockReleased, LockRenewed, LockTerms
from streams.domain.locks.replies import LeaseExtended, LockHeld, LockSwept
from tests.unit.locks.spec import (
    DELAY,
    TTL,
    WAIT,
    acquire,
    downgrade,
    given,
    granted,
    release,
    renew,
    sharers,
    timed_out,
    upgrade,
    waiting,
)


def test_a_renewal_counts_from_now() -> None:
    given(granted("a", 7)).at(400).when(renew(7), "a").then(LockRenewed(7, 400 + TTL)).answers(
        LeaseExtended(7, 400 + TTL)
    ).due(400 + TTL)


def test_a_renewal_never_shortens_the_lease() -> None:
    given(granted("a", 7)).at(400).when(renew(7, 200), "a").then().answers(LeaseExtended(7, TTL)).due(TTL)


def test_one_of_many_sharers_renews() -> None:
    spec = given(*sharers("a", "b", "c")).at(5).when(renew(2), "b").holders("a", "b", "c")
    assert [holder.expires_at for holder in spec.state.holders] == [TTL, TTL + 5, TTL]


def test_one_of_many_sharers_releases() -> None:
    given(*sharers("a", "b", "c")).when(release(2), "b").then(LockReleased(2)).holders("a", "c")


@pytest.mark.parametrize("command", [renew(6), release(6), upgrade(6), downgrade(6), renew(8), release(8)])
def test_another_token_is_refused(command: Command) -> None:
    given(granted("a", 7)).when(command, "a").refuses("NOT_HELD", "orders/42", "acquire again")
    given().when(command, "a").refuses("NOT_HELD")


@pytest.mark.parametrize("command", [renew(7), release(7), upgrade(7), downgrade(7)])
def test_another_ones_token_is_refused(command: Command) -> None:
    for other in (
        Requester("bob", "client-a", "a", 1),
        Requester("alice", "client-b", "a", 1),
        Requester("alice", "client-a", "b", 1),
    ):
        given(granted("a", 7)).when_by(other, command).refuses("NOT_HELD")


@pytest.mark.parametrize("command", [renew(7), release(7), upgrade(7), downgrade(7)])
def test_a_lease_is_over_at_its_time_even_before_the_timer_comes(command: Command) -> None:
    given(granted("a", 7)).at(TTL).when(command, "a").refuses("NOT_HELD").due(TTL)
    early = given(granted("a", 7)).at(TTL - 1).when(command, "a")
    assert not isinstance(early.decision.reply, Rejected)


def test_a_released_token_is_refused_from_then_on() -> None:
    given(granted("a", 7)).when(release(7), "a").when(release(7), "a").refuses("NOT_HELD")


def test_the_timer_expires_a_lease_and_grants_the_next() -> None:
    spec = given(granted("a", 7), waiting("b", 8)).due(TTL).at(TTL).tick()
    spec.then(LockExpired(7, None, ""), granted("b", 10, at=TTL, ticket=8)).answers(LockSwept())
    spec.settles(("b", 1, LockHeld(10, EXCLUSIVE, 2 * TTL))).due(2 * TTL)


def test_the_timer_does_nothing_early() -> None:
    given(granted("a", 7), waiting("b", 8)).at(TTL - 1).tick().then().due(TTL)


def test_the_last_expiry_leaves_nothing_behind() -> None:
    given(granted("a", 7)).at(TTL + 3).tick().then(LockExpired(7, None, "")).free()


def test_only_the_due_sharers_expire() -> None:
    spec = given(granted("a", 1, SHARED), granted("b", 2, SHARED, at=9)).due(TTL).at(TTL).tick()
    spec.then(LockExpired(1, None, "")).holders("b").due(TTL + 9)


def test_expiries_come_before_timeouts_before_grants() -> None:
    spec = given(granted("a", 7), waiting("b", 8, wait=TTL), waiting("c", 9, position=2)).at(TTL).tick()
    spec.then(LockExpired(7, None, ""), timed_out("b", 8), granted("c", 12, at=TTL, ticket=9))


def test_after_an_expiry_the_lock_delay_holds_everybody_off() -> None:
    spec = given(granted("a", 7, terms=DELAY), waiting("b", 8)).at(TTL + 1).tick()
    spec.then(LockExpired(7, TTL + 5_001, "")).holders().due(TTL + 5_001)
    spec.at(TTL + 5_000).tick().then()
    spec.when(acquire(), "c").refuses("LOCK_BUSY", "lock-delay", retry_after_ms=5_000)
    spec.when(acquire(priority=9, wait_ms=WAIT), "c").queue("c", "b")
    spec.at(TTL + 5_001).tick().then(granted("b", 10, at=TTL + 5_001, ticket=8)).due(2 * TTL + 5_001)


def test_a_lock_delay_that_nobody_waited_for_ends_and_the_lock_is_forgotten() -> None:
    spec = given(granted("a", 7, terms=DELAY)).at(TTL).tick().due(TTL + 5_000)
    spec.at(TTL + 5_000).tick().then(LockDelayEnded()).free()


def test_a_lock_delay_that_is_over_does_not_wait_for_the_timer() -> None:
    spec = given(granted("a", 7, terms=DELAY)).at(TTL).tick().at(TTL + 5_000)
    spec.when(acquire(), "b").then(granted("b", 9, at=TTL + 5_000)).due(2 * TTL + 5_000)


def test_a_lock_delay_holds_off_even_when_nobody_waits() -> None:
    spec = given(granted("a", 7, terms=DELAY)).at(TTL).tick().at(TTL + 4_999)
    spec.when(acquire(), "b").refuses("LOCK_BUSY", "lock-delay", retry_after_ms=1)
    spec.when(acquire(wait_ms=WAIT), "b").queue("b").due(TTL + 5_000)


def test_a_release_has_no_lock_delay() -> None:
    given(granted("a", 7, terms=DELAY), waiting("b", 8)).when(release(7), "a").holders("b")


def test_a_transaction_alone_makes_no_lock_delay() -> None:
    given(granted("a", 7, terms=LockTerms(0, None, ""))).at(TTL).tick().then(LockExpired(7, None, ""))


def test_the_longest_of_several_lock_delays_counts() -> None:
    spec = given(
        granted("a", 1, SHARED, terms=LockTerms(9_000, None, "")),
        granted("b", 2, SHARED, terms=DELAY),
        granted("c", 3, SHARED, at=100),
    )
    spec = spec.at(TTL).tick().then(LockExpired(1, TTL + 9_000, ""), LockExpired(2, TTL + 5_000, ""))
    spec.when(acquire(SHARED), "d").refuses("LOCK_BUSY", retry_after_ms=9_000)
    spec.due(TTL + 100).when(upgrade(3), "c").refuses("LOCK_BUSY", "lock-delay", retry_after_ms=9_000)
    spec.when(acquire(SHARED), "c", 2).answers(LockHeld(3, SHARED, TTL + 100))


def test_a_lock_delay_ends_while_a_sharer_still_holds() -> None:
    spec = given(granted("a", 1, SHARED, terms=DELAY), granted("b", 2, SHARED, at=9_000), waiting("w", 3))
    spec = spec.at(TTL).tick().at(TTL + 5_000)
    spec.tick().then(LockDelayEnded()).holders("b").queue("w")
