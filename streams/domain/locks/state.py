"""A lock as it stands: who holds, who waits, in what order. Standard library only.

Plain tuples: most locks have one holder and no waiter, and there may be millions of them.
"""

from bisect import bisect_left
from operator import attrgetter
from typing import Final

from streams.domain.decider import LeaseMs, Requester
from streams.domain.locks.commands import SHARED, Mode
from streams.domain.locks.events import LockTerms
from streams.domain.locks.limits import MAX_SHARERS
from streams.domain.value import value

_token = attrgetter("token")
_expires_at = attrgetter("expires_at")
_wait_until = attrgetter("wait_until")


@value
class Holder:
    """A lease. `sequence` is the acquire's, `upgrade_sequence` that of the upgrade that made it exclusive."""

    principal: str
    client: str
    handle: str
    sequence: int
    token: int
    mode: Mode
    ttl_ms: int
    expires_at: LeaseMs
    terms: LockTerms | None
    upgrade_sequence: int | None


@value
class Waiter:
    """A place in the queue. `overtaken` counts those who asked later and got ahead."""

    principal: str
    client: str
    handle: str
    sequence: int
    ticket: int
    mode: Mode
    priority: int
    ttl_ms: int
    wait_until: LeaseMs
    terms: LockTerms | None
    upgrade_of: int | None
    overtaken: int


@value
class Lock:
    """Holders by rising token, waiters next in line first, and the end of a lock-delay (0: none)."""

    holders: tuple[Holder, ...]
    waiters: tuple[Waiter, ...]
    delay_until: LeaseMs


FREE: Final = Lock((), (), 0)


def holder_index(holders: tuple[Holder, ...], token: int) -> int | None:
    """Return where the lease `token` is among `holders`, or None."""
    index = 0 if len(holders) == 1 else bisect_left(holders, token, key=_token)
    return index if index < len(holders) and holders[index].token == token else None


def held_by(holders: tuple[Holder, ...], who: Requester) -> Holder | None:
    """Return the lease of the handle `who`, or None."""
    handle, client, principal = who.handle, who.client, who.principal
    for holder in holders:
        if holder.handle == handle and holder.client == client and holder.principal == principal:
            return holder
    return None


def awaited_by(waiters: tuple[Waiter, ...], who: Requester) -> Waiter | None:
    """Return the waiting acquire of the handle `who`, or None. A waiting upgrade belongs to its share."""
    handle, client, principal = who.handle, who.client, who.principal
    for waiter in waiters:
        if (
            waiter.handle == handle
            and waiter.client == client
            and waiter.principal == principal
            and waiter.upgrade_of is None
        ):
            return waiter
    return None


def upgrade_in(lock: Lock) -> Waiter | None:
    """Return the waiting upgrade, or None. It is always next in line."""
    waiters = lock.waiters
    return waiters[0] if waiters and waiters[0].upgrade_of is not None else None


def fits(holders: tuple[Holder, ...], mode: Mode) -> bool:
    """Say whether one more holder of `mode` is compatible with `holders`."""
    if not holders:
        return True
    return mode == SHARED and holders[0].mode == SHARED and len(holders) < MAX_SHARERS


def grantable(lock: Lock) -> Waiter | None:
    """Return the next in line if nothing but a lock-delay keeps it waiting."""
    if not lock.waiters:
        return None
    first = lock.waiters[0]
    if first.upgrade_of is None:
        return first if fits(lock.holders, first.mode) else None
    return first if len(lock.holders) == 1 else None


def next_deadline(lock: Lock) -> LeaseMs | None:
    """Return when a Tick is due: expiry, timeout, end of a delay; 0 (at once) while grants are left."""
    holders, waiters, delay_until = lock.holders, lock.waiters, lock.delay_until
    if len(holders) == 1 and not waiters and not delay_until:
        return holders[0].expires_at
    if not delay_until and grantable(lock) is not None:
        return 0
    times = [*map(_expires_at, holders), *map(_wait_until, waiters)]
    if delay_until:
        times.append(delay_until)
    return min(times, default=None)
