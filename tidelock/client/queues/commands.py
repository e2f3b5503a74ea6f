"""`client.queues`: the commands of queues, one call and one shard each. `client.queue(...)` is the usual way.

receipts = [Receipt(message=7, token=...)]
await client.queues.ack("orders", receipts)          # shard 0, no subscription
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from streams.domain.decider import Rejected
from streams.domain.queues import commands, replies
from streams.domain.queues.commands import NewMessage, Receipt, State
from streams.domain.queues.settings import QueueRoute, QueueSettings, shard_name
from streams.wire.keys import name_problem
from tidelock.client.errors import BadArgument, OutcomeUnknown, ProtocolViolation, TidelockError
from tidelock.client.partition import Partition
from tidelock.client.pending import DONE, Outcome, Pending
from tidelock.client.queues.appetite import lease_ms_of
from tidelock.client.rejections import rejection_error
from tidelock.client.session import Session
from tidelock.client.terms import ms_of

_R = TypeVar("_R")

KIND = "queues"
MAX_PLACES = 65_536
"""Shards whose partition is remembered."""
LEAST_SWEEP = 64
MAX_REASON = 500


class Queues:
    """The commands of queues, one call each. Times are seconds; names belong to the client's tenant.

    `shard` 0 is the queue's home. `subscription` is empty but for broadcast queues.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.clock = session.clock
        self._places: dict[tuple[str, int], Partition] = {}
        self._receiving: dict[Pending, commands.ReceiveMessages] = {}
        self._sweep_at = LEAST_SWEEP

    # -- the queue -------------------------------------------------------------------------------------------

    async def create(
        self, queue: str, settings: QueueSettings, route: QueueRoute, shard: int = 0
    ) -> replies.QueueOpened:
        """Make a shard. Raises `QueueExists` if it is there otherwise."""
        command = commands.CreateQueue(queue, shard, settings, route)
        return await self._ask(command, replies.QueueOpened)

    async def configure(
        self, queue: str, settings: QueueSettings, *, version: int = 0, shard: int = 0
    ) -> replies.QueueChanged:
        """Replace a shard's settings, if they are still of `version` (0: whatever they are)."""
        command = commands.ConfigureQueue(queue, shard, settings, version)
        return await self._ask(command, replies.QueueChanged)

    async def route(self, queue: str, route: QueueRoute, shard: int = 0) -> replies.QueueChanged:
        """Tell a shard over how many the queue spreads. See `Queue.resize`."""
        return await self._ask(commands.RouteQueue(queue, shard, route), replies.QueueChanged)

    async def delete(self, queue: str, *, force: bool = False, shard: int = 0) -> int:
        """Remove a shard; return how many messages went with it. Raises `QueueNotEmpty` without `force`."""
        reply = await self._ask(commands.DeleteQueue(queue, shard, force), replies.QueueRemoved)
        return reply.messages

    async def add_subscription(self, queue: str, subscription: str, shard: int = 0) -> None:
        """Have a shard keep messages for one more subscription, from now on."""
        await self._ask(commands.AddSubscription(queue, shard, subscription), replies.QueueChanged)

    async def remove_subscription(self, queue: str, subscription: str, shard: int = 0) -> None:
        """Forget a subscription and what it has not acknowledged."""
        await self._ask(commands.RemoveSubscription(queue, shard, subscription), replies.QueueChanged)

    async def inspect(self, queue: str, shard: int = 0) -> replies.QueueStats:
        """Return settings, route and counts of a shard as its owner decided them: never stale."""
        return await self._ask(commands.InspectQueue(queue, shard), replies.QueueStats)

    # -- messages --------------------------------------------------------------------------------------------

    async def enqueue(
        self, queue: str, messages: Iterable[NewMessage], *, shard: int = 0, epoch: int = 0
    ) -> replies.MessagesAccepted:
        """Put up to 500 messages into a shard, all or none."""
        command = commands.EnqueueMessages(queue, shard, epoch, tuple(messages))
        return await self._ask(command, replies.MessagesAccepted)

    async def receive(
        self,
        queue: str,
        *,
        shard: int = 0,
        subscription: str = "",
        max_messages: int = 1,
        wait: float = 0.0,
        lease: float | None = None,
    ) -> tuple[replies.Delivery, tuple[replies.MessageBody, ...]]:
        """Lease messages of a shard, after waiting up to `wait` s; return which, and what is in them.

        A cancelled call leaves nothing leased behind.
        """
        command = receive_command(queue, shard, subscription, max_messages, wait, lease)
        pending = self.ask_receive(command)
        try:
            outcome = await self.session.outcome(pending, keep=True)
        except asyncio.CancelledError:
            self.withdraw_nowait(pending, command)
            raise
        if isinstance(outcome, OutcomeUnknown):
            self.withdraw_nowait(pending, command)
        return self.checked(pending, outcome, replies.Delivery, queue), attached(pending)

    async def ack(
        self, queue: str, receipts: Iterable[Receipt], *, shard: int = 0, subscription: str = ""
    ) -> replies.ReceiptsTaken:
        """Acknowledge up to 500 deliveries. Raises `ReceiptInvalid` if none of them holds any more."""
        command = commands.AckMessages(queue, shard, subscription, tuple(receipts))
        return await self._ask(command, replies.ReceiptsTaken)

    async def nack(
        self,
        queue: str,
        receipts: Iterable[Receipt],
        *,
        shard: int = 0,
        subscription: str = "",
        delay: float | None = None,
        reason: str = "",
        returned: bool = False,
    ) -> replies.ReceiptsTaken:
        """Give up to 500 deliveries back: failed, or (`returned`) not worked on. Raises `ReceiptInvalid`."""
        command = nack_command(queue, shard, subscription, receipts, delay, reason, returned)
        return await self._ask(command, replies.ReceiptsTaken)

    async def extend(
        self,
        queue: str,
        receipts: Iterable[Receipt],
        *,
        shard: int = 0,
        subscription: str = "",
        lease: float | None = None,
    ) -> replies.ReceiptsTaken:
        """Keep up to 500 deliveries for `lease` s (default: the queue's) from now. Raises `ReceiptInvalid`."""
        lease_ms = lease_ms_of(lease)
        command = commands.ExtendLeases(queue, shard, subscription, tuple(receipts), lease_ms)
        return await self._ask(command, replies.ReceiptsTaken)

    async def redrive(
        self,
        queue: str,
        *,
        shard: int = 0,
        subscription: str = "",
        messages: Iterable[int] = (),
        group: str | None = None,
        reason: str | None = None,
        to: str | None = None,
        limit: int = 500,
        dry_run: bool = False,
        after: int = 0,
    ) -> replies.MessagesChosen:
        """Give up to 500 dead letters of a shard new attempts, here or in the queue `to`."""
        command = commands.RedriveMessages(
            queue, shard, subscription, tuple(messages), group, reason, to, limit, dry_run, after
        )
        return await self._ask(command, replies.MessagesChosen)

    async def purge(
        self,
        queue: str,
        state: State,
        *,
        shard: int = 0,
        subscription: str = "",
        limit: int = 5_000,
        after: int = 0,
    ) -> replies.MessagesChosen:
        """Remove up to 5,000 messages of a shard that are READY, DELAYED or DEAD."""
        command = commands.PurgeMessages(queue, shard, subscription, state, limit, after)
        return await self._ask(command, replies.MessagesChosen)

    async def peek(
        self,
        queue: str,
        *,
        shard: int = 0,
        subscription: str = "",
        state: State | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> tuple[replies.MessagesPeeked, tuple[replies.MessageBody, ...]]:
        """Look at up to 100 messages of a shard behind number `after`, and what is in them."""
        command = commands.PeekMessages(queue, shard, subscription, state, after, limit)
        pending = self.submit(command)
        reply = self.checked(pending, await self.session.outcome(pending), replies.MessagesPeeked, queue)
        return reply, attached(pending)

    # -- for the rest of the client --------------------------------------------------------------------------

    def place(self, queue: str, shard: int) -> Partition:
        """Return the partition that decides on a shard. Raises `BadArgument`."""
        partition = self._places.get((queue, shard))
        if partition is None:
            check_name(queue)
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

    async def _ask(self, command: Any, wanted: type[_R]) -> _R:
        pending = self.submit(command)
        return self.checked(pending, await self.session.outcome(pending), wanted, command.queue)

    def checked(self, pending: Pending, outcome: Outcome, wanted: type[_R], queue: str) -> _R:
        """Return the outcome if it is the one hoped for. Raises its error."""
        if type(outcome) is wanted:
            return outcome
        error = problem(outcome, queue)
        error.position = pending.position
        raise error


def receive_command(
    queue: str, shard: int, subscription: str, max_messages: int, wait: float, lease: float | None
) -> commands.ReceiveMessages:
    """Return the command that leases messages."""
    wait_ms, lease_ms = ms_of(wait, "wait"), lease_ms_of(lease)
    return commands.ReceiveMessages(queue, shard, subscription, max_messages, wait_ms, lease_ms)


def nack_command(
    queue: str, shard: int, subscription: str, receipts: Iterable[Receipt], delay: float | None, reason: str,
    returned: bool,
) -> commands.NackMessages:  # fmt: skip
    """Return the command that gives deliveries back."""
    delay_ms = -1 if delay is None else ms_of(delay, "delay")
    reason = reason.encode(errors="replace").decode()[:MAX_REASON]
    return commands.NackMessages(queue, shard, subscription, tuple(receipts), delay_ms, reason, returned)


def attached(pending: Pending) -> tuple[replies.MessageBody, ...]:
    """Return the bodies of the messages that the answer names, in order."""
    return tuple(pending.decode(each) for each in pending.payloads)


def check_name(queue: str) -> None:
    """Raise `BadArgument` if `queue` cannot name one."""
    if not isinstance(queue, str):
        raise BadArgument(f"{queue!r:.100} is no name. Give text.")
    if "#" in queue:
        raise BadArgument(
            f"Queue {queue!r:.100} has a # in its name, which marks shards. Leave it out.", code="BAD_NAME"
        )
    refused = name_problem(queue)
    if refused is not None:
        raise rejection_error(refused, queue)


def problem(outcome: Outcome, queue: str) -> TidelockError:
    """Return the error for an outcome other than the one hoped for."""
    if isinstance(outcome, Rejected):
        return rejection_error(outcome, queue)
    if isinstance(outcome, TidelockError):
        return outcome
    return ProtocolViolation(
        f"The worker answered {type(outcome).__name__}, which does not fit the command. Report it."
    )
