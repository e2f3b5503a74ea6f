"""The fold refuses events that are not of its log, and forgets nothing it should keep."""

import pytest

from streams.domain.locks.commands import SHARED
from streams.domain.locks.events import (
    Event,
    LockDelayEnded,
    LockDowngraded,
    LockExpired,
    LockReleased,
    LockRenewed,
)
from streams.domain.locks.evolve import evolve
from streams.domain.locks.state import FREE, Lock
from tests.unit.locks.spec import given, granted, timed_out, upgraded, waiting


@pytest.mark.parametrize(
    "event",
    [
        LockReleased(9),
        LockExpired(9, None, ""),
        LockRenewed(9, 5),
        LockDowngraded(9),
        upgraded("a", 9, 10, 0),
        timed_out("a", 9),
        granted("a", 10, ticket=9),
    ],
)
def test_an_event_of_another_log_is_an_error(event: Event) -> None:
    for state in (FREE, given(granted("a", 7), waiting("b", 8)).state):
        with pytest.raises(LookupError, match="9"):
            evolve(state, event)


def test_another_instance_of_the_free_state_folds_alike() -> None:
    assert evolve(Lock((), (), 0), granted("a", 1)) == evolve(FREE, granted("a", 1))


def test_the_end_of_a_delay_keeps_holders_and_waiters() -> None:
    lock = given(granted("a", 1, SHARED), waiting("w", 2)).state
    assert evolve(Lock(lock.holders, lock.waiters, 5), LockDelayEnded()) == lock
