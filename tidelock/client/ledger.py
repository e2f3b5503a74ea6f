"""The open commands of one client: numbered when they come, settled once, and the floor below which all is done."""

import asyncio
from collections.abc import Callable

from schemas.varints import write_varint
from tidelock.client.clock import Clock
from tidelock.client.pending import SENT, Outcome, Pending


class Ledger:
    """All commands of one client that are not done, oldest first."""

    def __init__(self, first_sequence: int, clock: Clock, forget_retry: Callable[[Pending], None]) -> None:
        """`forget_retry`: a command that was to be tried again is done."""
        self.open: dict[int, Pending] = {}
        self.next_sequence = first_sequence
        self.floor_bytes = write_varint(1 << 1)
        """The lowest sequence that is not done (or a lower one), as Avro writes it."""
        self._raises_floor = first_sequence == 1
        self._floor = 1
        self._clock = clock
        self._forget_retry = forget_retry
        self._idle: asyncio.Future[None] | None = None

    def number(self) -> int:
        """Return a sequence that was never used."""
        sequence = self.next_sequence
        self.next_sequence = sequence + 1
        return sequence

    def settle(self, pending: Pending, outcome: Outcome) -> None:
        """End the command; `raise_floor` is to follow."""
        if self.open.pop(pending.sequence, None) is None:
            return
        if pending.phase is SENT and pending.link is not None and pending.link.is_open:
            pending.link.settled()
        if pending.refusals:
            self._forget_retry(pending)
        pending.settle(outcome)
        if self._idle is not None and not self.open:
            self._stop_draining()

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
        self._idle = asyncio.get_running_loop().create_future()
        timer = self._clock.call_at(self._clock.now() + timeout_s, self._stop_draining)
        try:
            await self._idle
        finally:
            timer.cancel()

    def _stop_draining(self) -> None:
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
