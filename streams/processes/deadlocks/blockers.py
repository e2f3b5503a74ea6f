"""Who keeps a waiter waiting at one lock. Pure.

A waiter waits for every incompatible holder and for every earlier incompatible waiter: the queue is granted in its
order. No edges are: the lock-delay, which ends by itself; a lock full of sharers, of whom any one may leave; and the
share that a waiting upgrade wants to upgrade.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from streams.domain.locks.commands import EXCLUSIVE
from streams.domain.locks.state import Holder, Lock, Waiter

Blocker: TypeAlias = Holder | Waiter
Reach: TypeAlias = Callable[[Lock, int], Iterator[Blocker]]
"""(lock, index of a waiter) -> some of those it waits for."""


def blockers(lock: Lock, index: int) -> Iterator[Blocker]:
    """Yield all that keep the waiter at `index` waiting, holders first."""
    waiter = lock.waiters[index]
    yield from _holders(lock, waiter)
    for earlier in lock.waiters[:index]:
        if EXCLUSIVE in {waiter.mode, earlier.mode}:
            yield earlier


def nearest_blockers(lock: Lock, index: int) -> Iterator[Blocker]:
    """Yield so many of `blockers` that following them leads to all.

    An earlier exclusive waiter waits for everybody before itself, so nobody needs to look past it: a walk through a
    queue takes as many steps as it has waiters, not their square.
    """
    waiter = lock.waiters[index]
    for earlier in reversed(lock.waiters[:index]):
        if earlier.mode == EXCLUSIVE:
            yield earlier
            return
        if waiter.mode == EXCLUSIVE:
            yield earlier
    yield from _holders(lock, waiter)


def number_of(blocker: Blocker) -> int:
    """Return the token of a holder, the ticket of a waiter: no two in a partition are the same."""
    return blocker.token if isinstance(blocker, Holder) else blocker.ticket


def index_of(lock: Lock, ticket: int) -> int | None:
    """Return the place of `ticket` in the queue, or None if it does not wait."""
    for index, waiter in enumerate(lock.waiters):
        if waiter.ticket == ticket:
            return index
    return None


def _holders(lock: Lock, waiter: Waiter) -> Iterator[Holder]:
    for holder in lock.holders:
        if EXCLUSIVE in {waiter.mode, holder.mode} and holder.token != waiter.upgrade_of:
            yield holder
