"""One shard of a consumer: what it asked for, and what lies ready to be handed out.

There is one receive under way at a time, which waits at the shard until messages come: nothing is polled. The
next one goes with the acknowledgements of what the last one brought if those come within a moment: one commit decides
both.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any, Final, Protocol

from streams.domain.decider import Rejected
from streams.domain.queues.commands import ReceiveMessages
from streams.domain.queues.replies import Delivery
from tidelock.client.clock import Timer
from tidelock.client.errors import OutcomeUnknown, TidelockError
from tidelock.client.pending import DONE, Outcome, Pending
from tidelock.client.queues.commands import Queues
from tidelock.client.queues.message import Message
from tidelock.client.queues.settling import Settler
from tidelock.client.rejections import problem

WAIT_MS: Final = 20_000
"""How long a receive waits before it is renewed: so long may a consumer that died still be given messages, once."""
MAX_MESSAGES: Final = 500
MOMENT_S: Final = 0.001


class Batch:
    """What one receive brought: its messages are leased until the same time."""

    __slots__ = ("began_s", "extending", "messages", "shelf")

    def __init__(self, shelf: "Shelf", messages: Iterable[Message[Any]], began_s: float) -> None:
        self.shelf = shelf
        self.messages = {each.id.number: each for each in messages}
        """Those that are not settled."""
        for message in self.messages.values():
            message.batch = self
        self.began_s = began_s
        self.extending = False


class Reader(Protocol):
    """Whoever reads the shard."""

    def made(self, shelf: "Shelf", reply: Delivery, pending: Pending) -> list[Message[Any]]:
        """Return the messages of a delivery."""

    def came(self, batch: Batch) -> None:
        """Messages lie ready."""

    def ended(self, shelf: "Shelf", error: TidelockError | None, early: bool) -> None:
        """A receive brought nothing: it failed, or (`early`) was ended before its time."""


class Shelf:
    """The messages of one shard that a consumer leases."""

    def __init__(self, settler: Settler, lease_ms: int, queues: Queues, reader: Reader) -> None:
        self.settler = settler
        self.credit = 0
        """How many messages may be leased and not settled."""
        self.ready: deque[Message[Any]] = deque()
        self.leased = 0
        self.idle = False
        """Ask for nothing: nobody wants messages, or the last receive failed."""
        self._lease_ms = lease_ms
        self._queues = queues
        self._reader = reader
        self._asked: tuple[Pending, ReceiveMessages] | None = None
        self._asked_s = 0.0
        self._soon: Timer | None = None
        self._closed = False
        settler.riders[self._ride] = None

    @property
    def shard(self) -> int:
        """Its number."""
        return self.settler.shard

    def ask_soon(self) -> None:
        """Ask along with what is sent next, or in a moment."""
        if self._soon is None and self._free():
            clock = self._queues.clock
            self._soon = clock.call_at(clock.now() + MOMENT_S, self._ride)

    def _ride(self) -> None:
        if self._soon is not None:
            self.ask()

    def _free(self) -> int:
        """Return how many messages to ask for: there is room for a good many, or none lies ready."""
        free = self.credit - self.leased
        if self._asked is not None or self.idle or self._closed or (self.ready and 2 * free < self.credit):
            return 0
        return max(free, 0)

    def ask(self) -> None:
        """Ask for messages, if there is room for them."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        free = self._free()
        if not free:
            return
        settler = self.settler
        command = ReceiveMessages(
            settler.queue,
            settler.shard,
            settler.subscription,
            min(free, MAX_MESSAGES),
            WAIT_MS,
            self._lease_ms,
        )
        self._asked_s = self._queues.clock.now()
        try:
            pending = self._queues.ask_receive(command, self._answered)
        except TidelockError as error:
            self._reader.ended(self, error, early=False)
            return
        if pending.phase is not DONE:
            self._asked = (pending, command)

    def _answered(self, outcome: Outcome) -> None:
        asked, self._asked = self._asked, None
        if self._closed:
            return
        if asked is None:  # it ended before it was sent
            self._reader.ended(self, problem(outcome, self.settler.queue), early=False)
            return
        if isinstance(outcome, OutcomeUnknown):
            self._queues.withdraw_nowait(*asked)
        if type(outcome) is Rejected and outcome.code == "ROUTE_CHANGED":
            self._reader.ended(self, None, early=True)
            return
        if type(outcome) is not Delivery:
            self._reader.ended(self, problem(outcome, self.settler.queue), early=False)
            return
        messages = self._reader.made(self, outcome, asked[0])
        if not messages:
            waited_s = self._queues.clock.now() - self._asked_s
            self._reader.ended(self, None, early=waited_s * 1000 < 0.9 * WAIT_MS and not outcome.messages)
            return
        self.ready.extend(messages)
        self.leased += len(messages)
        self._reader.came(Batch(self, messages, self._queues.clock.now()))
        self.ask_soon()

    def take_ready(self, batch: Batch | None = None) -> list[Message[Any]]:
        """Return, and forget, what lies ready (of one batch)."""
        if batch is None:
            taken = list(self.ready)
            self.ready.clear()
        else:
            taken = [each for each in self.ready if each.id.number in batch.messages]
            self.ready = deque(each for each in self.ready if each.id.number not in batch.messages)
        return taken

    def close(self) -> None:
        """Ask no more, and take back what is asked."""
        self._closed = True
        self.settler.riders.pop(self._ride, None)
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        asked, self._asked = self._asked, None
        if asked is not None and not self._queues.session.closed:
            self._queues.withdraw_nowait(*asked)
