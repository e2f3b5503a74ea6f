"""Who waits for whom in one queue. Pure.

A waiter waits for every holder, and for every earlier waiter, that it cannot share the lock with; an upgrade for all
holders but its own share.
"""

from collections.abc import Iterator, Sequence

from streams.projections.locks.reads import SHOWN, HolderRow, WaiterRow, WaitRow

SHARED = "SHARED"


def waits_of(holders: Sequence[HolderRow], queue: Sequence[WaiterRow], shown: set[int]) -> Iterator[WaitRow]:
    """Yield the waits of those in `queue` whose tickets are `shown`, each with its first `SHOWN` blockers."""
    for place, waiter in enumerate(queue):
        if waiter.ticket in shown:
            found = _blockers(waiter, holders, queue[:place])
            yield WaitRow(waiter, tuple([one for one, _ in zip(found, range(SHOWN), strict=False)]))


def _blockers(
    waiter: WaiterRow, holders: Sequence[HolderRow], ahead: Sequence[WaiterRow]
) -> Iterator[HolderRow | WaiterRow]:
    shares = waiter.mode == SHARED
    for holder in holders:
        if not (shares and holder.mode == SHARED) and holder.token != waiter.upgrade_of:
            yield holder
    for earlier in ahead:
        if not (shares and earlier.mode == SHARED):
            yield earlier
