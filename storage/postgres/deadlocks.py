"""Work that PostgreSQL may end to break a deadlock (40P01): begun again, for whoever it waited for has gone on."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from psycopg import errors

TRIES = 5
"""A deadlock is found after a second; who loses so often meets more than passers-by."""

T = TypeVar("T")


async def despite_deadlocks(work: Callable[[], Awaitable[T]]) -> T:
    """Await `work()`, a transaction that may be done again, until it is no deadlock's victim.

    Raises what `work` does, and `DeadlockDetected` when it has been ended `TRIES` times.
    """
    for _ in range(TRIES - 1):
        try:
            return await work()
        except errors.DeadlockDetected:
            continue
    return await work()
