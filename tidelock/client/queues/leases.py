"""The leases of one consumer: extended while messages are worked on, given back where nobody comes for them.

A message is worked on from when it is handed out until somebody begins to settle it; from then on its lease is left
to end, whatever becomes of the settling. Must not know where messages come from, nor who asks for them.
"""

import logging
from collections.abc import Iterator
from typing import Any, Final, Protocol

from streams.domain.queues.replies import ReceiptsTaken
from tidelock.client.clock import Clock
from tidelock.client.errors import ReceiptInvalid, TidelockError
from tidelock.client.membership import Membership
from tidelock.client.queues.message import Message
from tidelock.client.queues.settling import MAX_RECEIPTS
from tidelock.client.queues.shelf import Batch, Shelf
from tidelock.client.wheel import Wheel

SLOT_S: Final = 0.01
"""How late it may be noticed that a lease has ended."""
LEAST_PAUSE_S: Final = 0.05
MAX_WORK_S: Final = 12 * 3_600.0
"""So long a message is kept for a handler at most."""
log = logging.getLogger("tidelock.queues")


class Holder(Protocol):
    """Whoever hands out what is leased."""

    def freed(self) -> None:
        """One message less is worked on."""

    def ended(self) -> None:
        """One message less is leased."""


class Leases:
    """What one consumer leases, as batches that came together and end together."""

    def __init__(self, clock: Clock, lease_ms: int, auto_extend: bool, holder: Holder) -> None:
        self.busy = 0
        """Messages that are worked on."""
        self.freed = 0
        """How many were, and are not any more."""
        self._clock = clock
        self._lease_ms = lease_ms
        self._auto_extend = auto_extend
        self._holder = holder
        self._batches: dict[Batch, None] = {}
        self._wheel: Wheel[Batch] = Wheel(clock, SLOT_S, self._due)

    def __bool__(self) -> bool:
        return bool(self._batches)

    def __iter__(self) -> Iterator[Message[Any]]:
        return (each for batch in self._batches for each in batch.messages.values())

    def unconfirmed(self) -> int:
        """Return how many were never handed out, and are not known to be given back."""
        return sum(not each.handed_out for each in self)

    def add(self, batch: Batch) -> None:
        """Look after what came."""
        self._batches[batch] = None
        self._schedule(batch)

    def hand_out(self, message: Message[Any]) -> bool:
        """Say whether the message may be worked on, and if so count it. If not, it comes again by itself."""
        if message.trusted_until() - SLOT_S <= self._clock.now():
            self.settled(message, None)
            return False
        message.handed_out = message.is_worked_on = True
        self.busy += 1
        return True

    # -- from messages ---------------------------------------------------------------------------------------

    def settling(self, message: Message[Any]) -> None:
        """Somebody said what becomes of it: another may be worked on."""
        if message.is_worked_on:
            message.is_worked_on = False
            self.busy -= 1
            self.freed += 1
            self._holder.freed()

    def settled(self, message: Message[Any], error: TidelockError | None) -> None:
        """It is not leased any more: ask for others."""
        if error is not None:
            level = logging.INFO if isinstance(error, ReceiptInvalid) else logging.WARNING
            log.log(level, "message %s of %r will come again: %s", message.id, message.queue, error)
        batch: Batch | None = message.batch
        if batch is None:
            return
        message.batch = None
        del batch.messages[message.id.number]
        batch.shelf.leased -= 1
        if not batch.messages:
            del self._batches[batch]
            self._wheel.remove(batch)
        batch.shelf.ask()
        self._holder.ended()

    # -- the session -----------------------------------------------------------------------------------------

    def lose_all(self, member: Membership, why: str) -> None:
        """What is leased on behalf of `member` can no longer be trusted."""
        for batch in tuple(self._batches):
            mine = [each for each in batch.messages.values() if each.member is member]
            if mine:
                self.give_back(batch.shelf, batch.shelf.take_ready(batch))
            for message in mine:
                if message.is_worked_on:
                    self._lose(message, why)

    # -- giving back -----------------------------------------------------------------------------------------

    def give_back_all(self) -> None:
        """Return everything that is not settled, but for what a thread works on: nobody can stop it."""
        for batch in tuple(self._batches):
            held = [each for each in batch.messages.values() if not (each.is_settled or each.in_thread)]
            self.give_back(batch.shelf, held)

    def give_back(self, shelf: Shelf, messages: list[Message[Any]]) -> None:
        """Return messages that nobody works on: no attempt is counted."""
        shelf.idle = shelf.idle or bool(messages)
        for message in messages:
            self.settling(message)
            message.note_returned()
        for start in range(0, len(messages), MAX_RECEIPTS):
            part = messages[start : start + MAX_RECEIPTS]

            def told(_: TidelockError | None, part: list[Message[Any]] = part) -> None:
                for message in part:
                    self.settled(message, None)

            shelf.settler.nack([each.raw_receipt for each in part], None, "", True, told)

    # -- time ------------------------------------------------------------------------------------------------

    def _schedule(self, batch: Batch) -> None:
        """Look at a batch when half of what is left of its leases is over."""
        now = self._clock.now()
        soonest_s = min(each.leased_until() for each in batch.messages.values())
        self._wheel.add(batch, now + max(LEAST_PAUSE_S, (soonest_s - now) / 2))

    def _due(self, batch: Batch) -> None:
        now, shelf = self._clock.now(), batch.shelf
        self.give_back(shelf, shelf.take_ready(batch))
        for message in [each for each in batch.messages.values() if each.leased_until() <= now]:
            self._end(batch, message, now)
        working = [each for each in batch.messages.values() if each.is_worked_on]
        if working and self._auto_extend and now - batch.began_s < MAX_WORK_S and not batch.extending:
            self._extend(batch, working)
        if batch.messages:
            self._schedule(batch)

    def _end(self, batch: Batch, message: Message[Any], now: float) -> None:
        """Its lease is over. What becomes of a settling that is under way, its answer tells."""
        if message.is_worked_on:
            kept = now - batch.began_s < MAX_WORK_S
            why = "its lease was not extended in time" if kept else "leases are extended for 12 hours at most"
            self._lose(message, why)
        else:
            message.is_lost = not message.is_settled
            self.settled(message, None)

    def _extend(self, batch: Batch, working: list[Message[Any]]) -> None:
        batch.extending = True
        for start in range(0, len(working), MAX_RECEIPTS):
            part = working[start : start + MAX_RECEIPTS]

            def told(reply: ReceiptsTaken | TidelockError, part: list[Message[Any]] = part) -> None:
                self._extended(batch, part, reply)

            batch.shelf.settler.extend([each.raw_receipt for each in part], self._lease_ms, told)

    def _extended(self, batch: Batch, part: list[Message[Any]], reply: ReceiptsTaken | TidelockError) -> None:
        batch.extending = False
        if isinstance(reply, ReceiptInvalid):
            refused = {each.id.number for each in part}
        elif isinstance(reply, TidelockError):
            return  # tried again before the leases end
        else:
            refused = {each.message for each in reply.refused}
        for message in part:
            if message.id.number not in refused:
                assert isinstance(reply, ReceiptsTaken)
                message.expires_at_ms = max(message.expires_at_ms, reply.expires_at)
            elif message.is_worked_on:
                self._lose(message, "it was delivered to another, or settled elsewhere")
        if batch.messages:
            self._schedule(batch)

    def _lose(self, message: Message[Any], why: str) -> None:
        message.is_lost = True
        log.warning("message %s of %r is lost while it is worked on: %s", message.id, message.queue, why)
        self.settling(message)
        self.settled(message, None)
