"""Bad arguments, and bounds: waiters, sharers, events a decision."""

import pytest

from streams.domain.locks import limits
from streams.domain.locks.commands import EXCLUSIVE, SHARED, AcquireLock, Command, Transaction
from streams.domain.locks.events import LockExpired
from streams.domain.locks.replies import LockWaiting
from tests.unit.locks.spec import (
    DELAY,
    TTL,
    WAIT,
    Spec,
    acquire,
    given,
    granted,
    release,
    renew,
    sharers,
    upgrade,
    waiting,
)

DAY = 86_400_000
BAD: list[tuple[Command, str]] = [
    (acquire(ttl_ms=99), "ttl_ms"),
    (acquire(ttl_ms=DAY + 1), "ttl_ms"),
    (acquire(ttl_ms=-1), "ttl_ms"),
    (acquire(wait_ms=-1), "wait_ms"),
    (acquire(wait_ms=DAY + 1), "wait_ms"),
    (acquire(priority=-1), "priority"),
    (acquire(priority=10), "priority"),
    (acquire(lock_delay_ms=-1), "lock_delay_ms"),
    (acquire(lock_delay_ms=3_600_001), "lock_delay_ms"),
    (acquire(transaction=Transaction("", 1)), "transaction.id"),
    (acquire(transaction=Transaction("x" * 129, 1)), "transaction.id"),
    (acquire(transaction=Transaction("a\0", 1)), "transaction.id"),
    (acquire(transaction=Transaction("t", -1)), "transaction.started_ms"),
    (AcquireLock("x", "UPDATE", TTL), "mode"),  # type: ignore[arg-type]
    (renew(1, 99), "ttl_ms"),
    (renew(1, DAY + 1), "ttl_ms"),
    (upgrade(1, -1), "wait_ms"),
    (upgrade(1, DAY + 1), "wait_ms"),
]


@pytest.mark.parametrize(("command", "field"), BAD)
def test_bad_arguments_are_refused_by_name(command: Command, field: str) -> None:
    given(*sharers("a")).when(command, "a").refuses("BAD_ARGUMENT", field)
    given().when(command, "a").refuses("BAD_ARGUMENT", field).free()


@pytest.mark.parametrize(
    "command",
    [
        acquire(ttl_ms=100),
        acquire(ttl_ms=DAY, wait_ms=DAY, priority=9, lock_delay_ms=3_600_000),
        acquire(transaction=Transaction("x" * 128, 0)),
    ],
)
def test_the_bounds_themselves_are_fine(command: Command) -> None:
    given().when(command, "a").holders("a")


def queue_of(spec: Spec, size: int, mode: str = EXCLUSIVE) -> Spec:
    command = acquire(SHARED if mode == SHARED else EXCLUSIVE, wait_ms=WAIT)
    return spec.repeat(size, lambda s, index: s.when(command, f"w{index}"))


def test_a_crowded_lock_takes_no_more_waiters() -> None:
    spec = queue_of(given(granted("a", 1)), limits.MAX_WAITERS)
    spec.when(acquire(wait_ms=WAIT), "late").refuses("LOCK_CROWDED", "1000 waiters")
    spec.when(acquire(), "late").refuses("LOCK_BUSY")


def test_an_upgrade_finds_room_in_a_crowd() -> None:
    spec = queue_of(given(*sharers("a", "b")), limits.MAX_WAITERS)
    spec = spec.when(upgrade(1, WAIT), "a", 2)
    assert len(spec.state.waiters) == limits.MAX_WAITERS + 1


def test_too_many_sharers_wait() -> None:
    full = tuple(granted(f"s{index}", index + 1, SHARED) for index in range(limits.MAX_SHARERS))
    spec = given(*full)
    spec.when(acquire(SHARED), "late").refuses("LOCK_BUSY", "999 others")
    spec.when(acquire(SHARED, wait_ms=WAIT), "late").queue("late").when(release(500), "s499").queue()


def test_a_mass_grant_goes_on_at_the_next_tick() -> None:
    spec = queue_of(given(granted("a", 1)), limits.MAX_WAITERS, SHARED).when(release(1), "a")
    assert len(spec.decision.events) == limits.MAX_EVENTS
    left = [limits.MAX_WAITERS - limits.MAX_EVENTS + 1]
    while spec.state.waiters:
        assert len(spec.state.waiters) == left[-1]
        spec = spec.due(0).tick()
        assert len(spec.decision.events) <= limits.MAX_EVENTS
        left.append(max(0, left[-1] - limits.MAX_EVENTS))
    assert [holder.handle for holder in spec.state.holders] == [f"w{index}" for index in range(1_000)]
    spec.due(TTL)


def test_nobody_slips_in_during_a_mass_grant() -> None:
    spec = queue_of(given(granted("a", 1)), 500, SHARED).when(release(1), "a")
    assert len(spec.state.waiters) == 301
    spec.when(acquire(SHARED), "late").refuses("LOCK_BUSY")
    spec = spec.when(acquire(SHARED, wait_ms=WAIT), "late").answers(LockWaiting(902, 102), waiting=True)
    assert len(spec.decision.events) == limits.MAX_EVENTS + 1
    assert spec.state.waiters[-1].handle == "late"
    spec.due(0).tick().queue().due(TTL)


def test_a_mass_expiry_goes_on_at_the_next_tick() -> None:
    spec = given(*(granted(f"s{index}", index + 1, SHARED, terms=DELAY) for index in range(450)))
    spec = spec.at(TTL).tick()
    assert spec.decision.events == tuple(LockExpired(index, TTL + 5_000, "") for index in range(1, 201))
    spec = spec.due(TTL).tick().due(TTL).tick()
    assert len(spec.decision.events) == 50
    spec.due(TTL + 5_000)


def test_nobody_is_granted_while_expiries_are_left() -> None:
    spec = given(*(granted(f"s{index}", index + 1, SHARED) for index in range(450))).at(TTL)
    spec.when(acquire(SHARED), "late").refuses("LOCK_BUSY")
    spec.when(acquire(SHARED, wait_ms=WAIT), "late").queue("late")


def test_a_mass_timeout_goes_on_at_the_next_tick() -> None:
    spec = given(
        granted("a", 1, ttl=2 * WAIT), *(waiting(f"w{i}", i + 2, position=i + 1) for i in range(450))
    )
    spec = spec.at(WAIT).tick().due(WAIT).tick().due(WAIT).tick().due(2 * WAIT).queue().holders("a")
