"""The open commands of one client: numbered when they come, settled once, and the floor below which all is done."""

import asyncio

from schemas.varints import write_varint
from tidelock.client.clock import Clock
from tidelock.client.pending import SENT, Outcome, Pending


class Ledger:
    """All commands of one client that are not done, oldest first."""

    def __init__(self, first_sequence: int, clock: Clock) -> None:
        self.open: dict[int, Pending] = {}
        self.next_sequence = first_sequence
        self.floor_bytes = write_varint(1 << 1)
        """The lowest sequence that is not done (or a lower one), as Avro writes it."""
        self._raises_floor = first_sequence == 1
        self._floor = 1
        self._clock = clock
        self._drains: list[asyncio.Event] = []

    def number(self) -> int:
        """Return a sequence that was never used."""
        sequence = self.next_sequence
        self.next_sequence = sequence + 1
        return sequence

    def settle(self, pending: Pending, outcome: Outcome) -> None:
        """End the command; `raise_floor` is to follow."""
        if not self.take(pending):
            return
        pending.settle(outcome)
        if self._drains and not self.open:
            for drained in self._drains:
                drained.set()

    def take(self, pending: Pending) -> bool:
        """Take the command out of the open ones, and out of what is in flight. False: it was not there any more."""
        if self.open.pop(pending.sequence, None) is None:
            return False
        if pending.phase is SENT and pending.link is not None and pending.link.is_open:
            pending.link.settled()
        return True

    def finish(self, pending: Pending, outcome: Outcome) -> None:
        """End the command."""
        self.settle(pending, outcome)
        self.raise_floor()

    def raise_floor(self) -> None:
        """Let the floor follow what is done."""
        if not self._raises_floor:
            return
        floor = next(iter(self.open), self.next_sequence)
        if floor != self._floor:
            self._floor = floor
            self.floor_bytes = write_varint(floor << 1)

    async def drain(self, timeout_s: float) -> None:
        """Return when no command is open any more, or after `timeout_s`."""
        if not self.open:
            return
        drained = asyncio.Event()
        self._drains.append(drained)
        timer = self._clock.call_at(self._clock.now() + timeout_s, drained.set)
        try:
            await drained.wait()
        finally:
            timer.cancel()
            self._drains.remove(drained)
