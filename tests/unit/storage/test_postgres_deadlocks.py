"""Work that is chosen to end so that others may go on: begun again, and not for ever."""

import pytest
from psycopg import errors

from storage.postgres.deadlocks import TRIES, despite_deadlocks


class Work:
    def __init__(self, error: Exception, times: int) -> None:
        self.error, self.left, self.begun = error, times, 0

    async def __call__(self) -> str:
        self.begun += 1
        if self.left:
            self.left -= 1
            raise self.error
        return "done"


async def test_a_victim_begins_again() -> None:
    work = Work(errors.DeadlockDetected("deadlock detected"), TRIES - 1)
    assert await despite_deadlocks(work) == "done"
    assert work.begun == TRIES


async def test_whoever_is_always_the_victim_says_so() -> None:
    work = Work(errors.DeadlockDetected("deadlock detected"), TRIES)
    with pytest.raises(errors.DeadlockDetected):
        await despite_deadlocks(work)
    assert work.begun == TRIES


async def test_what_is_no_deadlock_is_told_at_once() -> None:
    work = Work(errors.LockNotAvailable("canceling statement due to lock timeout"), 1)
    with pytest.raises(errors.LockNotAvailable):
        await despite_deadlocks(work)
    assert work.begun == 1
