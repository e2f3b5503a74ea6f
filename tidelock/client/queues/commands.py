"""`client.queues`: the commands of queues, one call and one shard each. `client.queue(...)` is the usual way.

receipts = [Receipt(message=7, token=...)]
await client.queues.ack("orders", receipts)          # shard 0, no subscription
"""

import asyncio
from collections.abc import Iterable

from streams.domain.queues import commands, replies
from streams.domain.queues.commands import NewMessage, Receipt, State
from streams.domain.queues.limits import MAX_DELAY_MS
from streams.domain.queues.settings import QueueRoute, QueueSettings
from tidelock.client.errors import BadArgument, OutcomeUnknown
from tidelock.client.queues.appetite import lease_ms_of
from tidelock.client.queues.transport import Transport, attached
from tidelock.client.rejections import problem
from tidelock.client.terms import ms_of

__all__ = ["Queues", "nack_command", "nack_terms", "problem", "receive_command"]

MAX_REASON = 500


class Queues(Transport):
    """The commands of queues, one call each. Times are seconds; names belong to the client's tenant.

    `shard` 0 is the queue's home. `subscription` is empty but for broadcast queues.
    """

    # -- the queue -------------------------------------------------------------------------------------------

    async def create(
        self, queue: str, settings: QueueSettings, route: QueueRoute, shard: int = 0
    ) -> replies.QueueOpened:
        """Make a shard. Raises `QueueExists` if it is there otherwise."""
        command = commands.CreateQueue(queue, shard, settings, route)
        return await self.ask(command, replies.QueueOpened)

    async def configure(
        self, queue: str, settings: QueueSettings, *, version: int = 0, shard: int = 0
    ) -> replies.QueueChanged:
        """Replace a shard's settings, if they are still of `version` (0: whatever they are)."""
        command = commands.ConfigureQueue(queue, shard, settings, version)
        return await self.ask(command, replies.QueueChanged)

    async def route(self, queue: str, route: QueueRoute, shard: int = 0) -> replies.QueueChanged:
        """Tell a shard over how many the queue spreads. See `Queue.resize`."""
        return await self.ask(commands.RouteQueue(queue, shard, route), replies.QueueChanged)

    async def delete(self, queue: str, *, force: bool = False, shard: int = 0) -> int:
        """Remove a shard; return how many messages went with it. Raises `QueueNotEmpty` without `force`."""
        reply = await self.ask(commands.DeleteQueue(queue, shard, force), replies.QueueRemoved)
        return reply.messages

    async def add_subscription(self, queue: str, subscription: str, shard: int = 0) -> None:
        """Have a shard keep messages for one more subscription, from now on."""
        await self.ask(commands.AddSubscription(queue, shard, subscription), replies.QueueChanged)

    async def remove_subscription(
        self, queue: str, subscription: str, *, force: bool = False, shard: int = 0
    ) -> None:
        """Forget a subscription and what it has not acknowledged. Raises `QueueNotEmpty`, unless `force`."""
        await self.ask(commands.RemoveSubscription(queue, shard, subscription, force), replies.QueueChanged)

    async def inspect(self, queue: str, shard: int = 0) -> replies.QueueStats:
        """Return settings, route and counts of a shard as its owner decided them: never stale."""
        return await self.ask(commands.InspectQueue(queue, shard), replies.QueueStats)

    # -- messages --------------------------------------------------------------------------------------------

    async def enqueue(
        self, queue: str, messages: Iterable[NewMessage], *, shard: int = 0, epoch: int = 0
    ) -> replies.MessagesAccepted:
        """Put up to 500 messages into a shard, all or none."""
        command = commands.EnqueueMessages(queue, shard, epoch, tuple(messages))
        return await self.ask(command, replies.MessagesAccepted)

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
        return await self.ask(command, replies.ReceiptsTaken)

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
        return await self.ask(command, replies.ReceiptsTaken)

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
        return await self.ask(command, replies.ReceiptsTaken)

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
        return await self.ask(command, replies.MessagesChosen)

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
        return await self.ask(command, replies.MessagesChosen)

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
    """Return the command that gives deliveries back. Raises `BadArgument`."""
    delay_ms, reason = nack_terms(delay, reason)
    return commands.NackMessages(queue, shard, subscription, tuple(receipts), delay_ms, reason, returned)


def nack_terms(delay: float | None, reason: str) -> tuple[int, str]:
    """Return a delay (None: -1, the queue's backoff) and a reason as commands carry them. Raises `BadArgument`."""
    if not isinstance(reason, str):
        raise BadArgument(f"reason is {str(reason)[:40]!r}. Give text.")
    reason = reason.encode(errors="replace").decode()[:MAX_REASON]
    if delay is None:
        return -1, reason
    delay_ms = ms_of(delay, "delay")
    if not 0 <= delay_ms <= MAX_DELAY_MS:
        raise BadArgument(
            f"delay {delay} s is out of range. Choose 0 to {MAX_DELAY_MS // 1000}, or leave it out for the queue's "
            "backoff."
        )
    return delay_ms, reason
