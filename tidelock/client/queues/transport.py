"""How commands of queues come to their shards, and what comes back. Receives are kept in mind, to be taken back."""

from collections.abc import Callable
from typing import Any, TypeVar

from streams.domain.arguments import shard_name
from streams.domain.queues import commands, replies
from tidelock.client.names import check_name
from tidelock.client.partition import Partition
from tidelock.client.pending import DONE, Outcome, Pending
from tidelock.client.rejections import problem
from tidelock.client.session import Session

_R = TypeVar("_R")

KIND = "queues"
MAX_PLACES = 65_536
"""Shards whose partition is remembered."""
LEAST_SWEEP = 64


class Transport:
    """Sends commands of queues in one session. Names belong to the client's tenant."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.clock = session.clock
        self._places: dict[tuple[str, int], Partition] = {}
        self._receiving: dict[Pending, commands.ReceiveMessages] = {}
        self._sweep_at = LEAST_SWEEP

    def place(self, queue: str, shard: int) -> Partition:
        """Return the partition that decides on a shard. Raises `BadArgument`."""
        partition = self._places.get((queue, shard))
        if partition is None:
            check_name(queue, "Queue")
            if len(self._places) >= MAX_PLACES:
                self._places.clear()
            partition = self.session.partition_of(KIND, shard_name(queue, shard))
            self._places[queue, shard] = partition
        return partition

    def submit(self, command: Any, **options: Any) -> Pending:
        """Send a command to its shard. See `Session.submit`."""
        return self.session.submit(self.place(command.queue, command.shard), command, **options)

    def ask_receive(
        self, command: commands.ReceiveMessages, on_done: Callable[[Outcome], None] | None = None
    ) -> Pending:
        """Send a receive; `withdraw_nowait` undoes it, which closing the client does too."""
        pending = self.submit(command, on_done=on_done)
        pending.wait_s = command.wait_ms / 1000
        if pending.phase is not DONE:
            self._receiving[pending] = command
            if len(self._receiving) >= self._sweep_at:
                self._forget_done()
        return pending

    def _forget_done(self) -> None:
        self._receiving = {each: what for each, what in self._receiving.items() if each.phase is not DONE}
        self._sweep_at = 2 * len(self._receiving) + LEAST_SWEEP

    def withdraw_nowait(self, pending: Pending, command: commands.ReceiveMessages) -> None:
        """Undo a receive, whatever came of it, without awaiting the answer."""
        session = self.session
        session.abandon(pending)
        if session.closed or pending.first_sent_s is None:
            return
        withdrawal = commands.WithdrawReceive(
            command.queue, command.shard, command.subscription, pending.sequence
        )
        session.submit(
            pending.partition, withdrawal, on_done=lambda _: session.drop(pending), while_closing=True
        )

    def let_go(self) -> None:
        """Take back what waits. For the client that is closed."""
        for pending, command in self._receiving.items():
            if pending.phase is not DONE and not pending.abandoned:
                self.withdraw_nowait(pending, command)

    async def ask(self, command: Any, wanted: type[_R]) -> _R:
        """Return the answer to a command, which is to be a `wanted`. Raises its error."""
        pending = self.submit(command)
        return self.checked(pending, await self.session.outcome(pending), wanted, command.queue)

    def checked(self, pending: Pending, outcome: Outcome, wanted: type[_R], queue: str) -> _R:
        """Return the outcome if it is the one hoped for. Raises its error."""
        if type(outcome) is wanted:
            return outcome
        error = problem(outcome, queue)
        error.position = pending.position
        raise error


def attached(pending: Pending) -> tuple[replies.MessageBody, ...]:
    """Return the bodies of the messages that the answer names, in order."""
    return tuple(pending.decode(each) for each in pending.payloads)
