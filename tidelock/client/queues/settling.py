"""Settling: acknowledgements made while a command is under way travel together in the next one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Final, TypeAlias

from streams.domain.queues.commands import AckMessages, ExtendLeases, Receipt
from streams.domain.queues.replies import ReceiptsTaken
from tidelock.client.errors import ReceiptInvalid, TidelockError
from tidelock.client.pending import Outcome
from tidelock.client.queues.commands import Queues, nack_command
from tidelock.client.rejections import problem

Told: TypeAlias = Callable[[TidelockError | None], None]
Extended: TypeAlias = Callable[[ReceiptsTaken | TidelockError], None]
How: TypeAlias = tuple[float | None, str, bool]
"""Delay, reason, and whether it was not worked on: deliveries that share them are given back by one command."""

MAX_RECEIPTS: Final = 500


class Settler:
    """What this client has to say about the deliveries of one shard and subscription."""

    def __init__(self, queue: str, shard: int, subscription: str, queues: Queues) -> None:
        self.queue = queue
        self.shard = shard
        self.subscription = subscription
        self._queues = queues
        self._acks: list[tuple[Receipt, Told]] = []
        self._nacks: dict[How, list[tuple[Receipt, Told]]] = {}
        self._busy = False
        self._gathering = 0
        self.riders: dict[Callable[[], None], None] = {}
        """Called after something was sent: what they send travels along, and is decided in the same commit."""

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Send nothing until all that comes in this block is here, so that it travels together."""
        self._gathering += 1
        try:
            yield
        finally:
            self._gathering -= 1
            self._go_on()
            if not self._gathering:
                self._send_nacks()

    def ack(self, receipt: Receipt, told: Told) -> None:
        """Acknowledge, at once or with those that come meanwhile."""
        self._acks.append((receipt, told))
        self._go_on()

    def nack(
        self, receipts: list[Receipt], delay: float | None, reason: str, returned: bool, told: Told
    ) -> None:
        """Give deliveries back. `told` of none: of all; of an error: of that, for all."""
        if self._gathering and len(receipts) == 1:
            self._nacks.setdefault((delay, reason, returned), []).append((receipts[0], told))
            return
        command = nack_command(self.queue, self.shard, self.subscription, receipts, delay, reason, returned)
        self._submit(command, lambda outcome: told(self._error(outcome, receipts[0])))

    def extend(self, receipts: list[Receipt], lease_ms: int, told: Extended) -> None:
        """Keep deliveries for longer."""
        command = ExtendLeases(self.queue, self.shard, self.subscription, tuple(receipts), lease_ms)

        def done(outcome: Outcome) -> None:
            told(outcome if type(outcome) is ReceiptsTaken else problem(outcome, self.queue))

        self._submit(command, done)

    def extend_each(self, given: Sequence[tuple[Receipt, Extended]], lease_ms: int) -> None:
        """Keep deliveries for longer, and tell of each what became of it."""
        for start in range(0, len(given), MAX_RECEIPTS):
            part = given[start : start + MAX_RECEIPTS]

            def told(outcome: Outcome, part: Sequence[tuple[Receipt, Extended]] = part) -> None:
                self._tell_extended(part, outcome)

            self.extend([receipt for receipt, _ in part], lease_ms, told)

    def _go_on(self) -> None:
        if self._acks and not self._busy and not self._gathering:
            self._send()

    def _send(self) -> None:
        sent, self._acks = self._acks[:MAX_RECEIPTS], self._acks[MAX_RECEIPTS:]
        receipts = tuple(receipt for receipt, _ in sent)

        def done(outcome: Outcome) -> None:
            self._busy = False
            self._go_on()
            self._tell(sent, outcome)

        self._busy = True
        self._submit(AckMessages(self.queue, self.shard, self.subscription, receipts), done)

    def _send_nacks(self) -> None:
        nacks, self._nacks = self._nacks, {}
        for how, given in nacks.items():
            for start in range(0, len(given), MAX_RECEIPTS):
                self._send_nack(how, given[start : start + MAX_RECEIPTS])

    def _send_nack(self, how: How, given: list[tuple[Receipt, Told]]) -> None:
        receipts = [receipt for receipt, _ in given]
        command = nack_command(self.queue, self.shard, self.subscription, receipts, *how)
        self._submit(command, lambda outcome: self._tell(given, outcome))

    def _submit(self, command: object, done: Callable[[Outcome], None]) -> None:
        try:
            self._queues.submit(command, on_done=done, while_closing=True)
        except TidelockError as error:
            done(error)
            return
        for ride in tuple(self.riders):
            ride()

    def _tell(self, sent: list[tuple[Receipt, Told]], outcome: Outcome) -> None:
        if type(outcome) is not ReceiptsTaken:
            error = problem(outcome, self.queue)
            for _, told in sent:
                told(copy(error))
            return
        refused = {Receipt(each.message, each.token): each.problem for each in outcome.refused}
        for receipt, told in sent:
            what = refused.get(receipt) if refused else None
            told(None if what is None else self._invalid(receipt, what))

    def _tell_extended(self, given: Sequence[tuple[Receipt, Extended]], outcome: Outcome) -> None:
        if isinstance(outcome, TidelockError):
            for _, told in given:
                told(copy(outcome))
            return
        assert isinstance(outcome, ReceiptsTaken)
        refused = {Receipt(each.message, each.token): each.problem for each in outcome.refused}
        for receipt, told in given:
            what = refused.get(receipt)
            told(outcome if what is None else self._invalid(receipt, what))

    def _error(self, outcome: Outcome, receipt: Receipt) -> TidelockError | None:
        if type(outcome) is not ReceiptsTaken:
            return problem(outcome, self.queue)
        return self._invalid(receipt, outcome.refused[0].problem) if outcome.refused else None

    def _invalid(self, receipt: Receipt, what: str) -> ReceiptInvalid:
        why = (
            "another principal leases the message"
            if what == "NOT_YOURS"
            else "the message was settled, its lease ended, or it was delivered anew"
        )
        error = ReceiptInvalid(
            f"The receipt of message {receipt.message} in {self.queue!r} (shard {self.shard}) holds no longer: "
            f"{why}. What was done with it may be done again by whoever has it now.",
            details=(("problem", what), ("message", str(receipt.message)), ("token", str(receipt.token))),
        )
        error.queue = self.queue
        return error
