"""Settling many deliveries of one shard at once: as few commands as they fit in, and an answer for each."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import TypeAlias

from streams.domain.queues.commands import Receipt
from streams.domain.queues.replies import ReceiptsTaken
from tidelock.client.errors import TidelockError
from tidelock.client.pending import Outcome
from tidelock.client.queues.commands import Queues, nack_command
from tidelock.client.queues.settling import MAX_RECEIPTS, Settler, Told

How: TypeAlias = tuple[float | None, str, bool]
"""Delay, reason, and whether it was not worked on: deliveries that share them are given back by one command."""
Extended: TypeAlias = Callable[[ReceiptsTaken | TidelockError], None]


class GatheringSettler(Settler):
    """A settler whose nacks, too, travel together if they come in one `gathering`."""

    def __init__(self, queue: str, shard: int, subscription: str, queues: Queues) -> None:
        super().__init__(queue, shard, subscription, queues)
        self._nacks: dict[How, list[tuple[Receipt, Told]]] = {}

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Send nothing until all that comes in this block is here, so that it travels together."""
        try:
            with super().gathering():
                yield
        finally:
            if not self._gathering:
                nacks, self._nacks = self._nacks, {}
                for how, given in nacks.items():
                    for start in range(0, len(given), MAX_RECEIPTS):
                        self._send_nack(how, given[start : start + MAX_RECEIPTS])

    def nack(
        self, receipts: list[Receipt], delay: float | None, reason: str, returned: bool, told: Told
    ) -> None:
        """Give deliveries back. `told` of none: of all; of an error: of that, for all."""
        if self._gathering and len(receipts) == 1:
            self._nacks.setdefault((delay, reason, returned), []).append((receipts[0], told))
        else:
            super().nack(receipts, delay, reason, returned, told)

    def _send_nack(self, how: How, given: list[tuple[Receipt, Told]]) -> None:
        receipts = [receipt for receipt, _ in given]
        command = nack_command(self.queue, self.shard, self.subscription, receipts, *how)
        self._submit(command, lambda outcome: self._tell(given, outcome))

    def extend_each(self, given: Sequence[tuple[Receipt, Extended]], lease_ms: int) -> None:
        """Keep deliveries for longer, and tell of each what became of it."""
        for start in range(0, len(given), MAX_RECEIPTS):
            part = given[start : start + MAX_RECEIPTS]

            def told(outcome: Outcome, part: Sequence[tuple[Receipt, Extended]] = part) -> None:
                self._tell_extended(part, outcome)

            self.extend([receipt for receipt, _ in part], lease_ms, told)

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
