"""Trying again: after a refusal, which is no answer, and after the loss of a connection.

The command goes out unchanged but for its floor, so the owner's deduplication makes a repeat harmless.
"""

import random
from collections.abc import Callable

from streams.wire.messages import Refused
from tidelock.client.clock import Clock
from tidelock.client.errors import BadArgument, TidelockError
from tidelock.client.ledger import Ledger
from tidelock.client.link import Link
from tidelock.client.partition import Partition
from tidelock.client.pending import QUEUED, SENT, WAITING, Pending
from tidelock.client.rejections import REFUSALS, refusal_error
from tidelock.client.wheel import Wheel

SLOT_S = 0.005
UNDECIDED = frozenset({"OVERLOADED", "CLAIMING"})
"""Refusals that only come at the door: nothing was decided. NOT_OWNER and PARTITION_CLOSED are told for what an owner
had begun, too, when it lost or closed its partition: a commit of it may have landed."""
MAX_STRIKES = 5
"""So often may the server hang up on a connection with complaint before its open commands are given up."""


class Retries:
    """The commands of one client that are to be sent again."""

    def __init__(self, ledger: Ledger, clock: Clock, dispatch: Callable[[Pending], None]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._dispatch = dispatch
        self._wheel: Wheel[Pending] = Wheel(clock, SLOT_S, self._again)

    def on_refused(self, link: Link, refused: Refused) -> None:
        """Try again, at the address the refusal names or after the pause it asks for.

        A command that waits may be refused too: its partition has another owner now.
        """
        pending = self._ledger.open.get(refused.sequence)
        if pending is None or pending.phase not in (SENT, WAITING) or pending.link is not link:
            return
        if pending.phase is SENT:
            link.settled()
        pending.phase = QUEUED
        if pending.abandoned or refused.code in REFUSALS:
            self._ledger.finish(pending, refusal_error(refused))
            return
        pending.refusal = refused
        pending.refusals += 1
        pending.uncertain |= refused.code not in UNDECIDED
        if refused.address is not None:
            self._move(pending.partition, refused.address)
            if refused.address != link.address and pending.refusals < 3:
                self._dispatch(pending)
                return
        pause_s = min(1.0, 0.01 * 2 ** min(pending.refusals, 8))
        if refused.retry_after_ms is not None:
            pause_s = max(pause_s, refused.retry_after_ms / 1000)
        self._wheel.add(pending, self._clock.now() + random.uniform(pause_s, 1.5 * pause_s))  # noqa: S311

    def _move(self, partition: Partition, address: str) -> None:
        """Learn that `partition` is owned at `address`; open waits go there, or their outcome would miss us."""
        if partition.address == address:
            return
        partition.address = address
        for pending in list(self._ledger.open.values()):
            link = pending.link
            if (
                pending.partition is partition
                and pending.phase is WAITING
                and not pending.abandoned
                and link is not None
                and link.address != address
            ):
                pending.phase = QUEUED
                self._dispatch(pending)

    def _again(self, pending: Pending) -> None:
        if pending.phase is QUEUED:  # it may be done by now
            self._dispatch(pending)

    def on_lost(self, link: Link, why: TidelockError) -> list[Pending]:
        """Return the commands that were on their way over `link` or wait for a push from it."""
        complaint = isinstance(why, BadArgument)
        again = []
        for pending in list(self._ledger.open.values()):
            if pending.link is not link or pending.phase not in (SENT, WAITING):
                continue
            pending.strikes += complaint and pending.phase is SENT
            pending.uncertain = True
            pending.phase = QUEUED
            pending.link = None
            if pending.abandoned or pending.strikes >= MAX_STRIKES:
                self._ledger.finish(pending, why)
            else:
                again.append(pending)
        return again

    def close(self) -> None:
        """Send nothing again."""
        self._wheel.clear()
