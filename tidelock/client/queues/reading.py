"""What messages come from: a queue, or one subscription of a broadcast queue."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Generic, TypeVar, Unpack

from streams.domain.queues.commands import Receipt, ReceiveMessages
from streams.domain.queues.replies import Delivery, ReceiptsTaken
from tidelock.client.errors import OutcomeUnknown
from tidelock.client.pending import Pending
from tidelock.client.queues.access import Access
from tidelock.client.queues.appetite import Appetite, lease_ms_of
from tidelock.client.queues.codecs import Codec
from tidelock.client.queues.commands import problem, receive_command
from tidelock.client.queues.consumer import Consumer
from tidelock.client.queues.handling import Handler
from tidelock.client.queues.ids import ReceiptId
from tidelock.client.queues.inspecting import Inspected
from tidelock.client.queues.message import Message, messages_of
from tidelock.client.queues.results import Results, raise_first
from tidelock.client.queues.settling import Settler
from tidelock.client.queues.work import WorkOptions, work

_T = TypeVar("_T")


class Readable(Inspected, Generic[_T]):
    """What messages can be received from."""

    def __init__(self, access: Access, codec: Codec[_T], subscription: str) -> None:
        super().__init__(access, subscription)
        self._codec = codec

    async def ack(self, *messages: Message[_T] | str) -> None:
        """Done: messages, or receipts as text. Raises `ReceiptInvalid` for the first that holds no longer."""
        results = Results[None](len(messages))
        with ExitStack() as gathering:
            for settler in {self._receipt(each)[0]: None for each in messages}:
                gathering.enter_context(settler.gathering())
            for place, each in enumerate(messages):
                if isinstance(each, Message):
                    each.ack_nowait(results.at(place))
                else:
                    settler, receipt = self._receipt(each)
                    settler.ack(receipt, results.at(place))
        raise_first(await results.all())

    async def nack(
        self,
        *messages: Message[_T] | str,
        delay: float | None = None,
        reason: str = "",
        returned: bool = False,
    ) -> None:
        """Not done (see `Message.nack`), or (`returned`) not worked on. Raises `ReceiptInvalid`."""
        results = Results[None](len(messages))
        for place, each in enumerate(messages):
            if isinstance(each, Message):
                each.nack_nowait(results.at(place), delay, reason, returned=returned)
            else:
                settler, receipt = self._receipt(each)
                settler.nack([receipt], delay, reason, returned, results.at(place))
        raise_first(await results.all())

    async def extend(self, *messages: Message[_T] | str, lease: float | None = None) -> None:
        """Keep messages for `lease` s (default: the queue's) from now. Raises `ReceiptInvalid`."""
        results = Results[ReceiptsTaken](len(messages))
        lease_ms = lease_ms_of(lease)
        for place, each in enumerate(messages):
            settler, receipt = self._receipt(each)
            settler.extend([receipt], lease_ms, results.at(place))
        outcomes = await results.all()
        for each, taken in zip(messages, outcomes, strict=True):
            if isinstance(each, Message) and isinstance(taken, ReceiptsTaken):
                each.expires_at_ms = taken.expires_at
        raise_first(outcomes)

    def _receipt(self, given: Message[_T] | str) -> tuple[Settler, Receipt]:
        if isinstance(given, Message):
            return self._access.settler(given.id.shard, self._subscription), given.raw_receipt
        receipt = ReceiptId.parse(given)
        return (
            self._access.settler(receipt.shard, self._subscription),
            Receipt(receipt.number, receipt.token),
        )

    def consume(
        self,
        *,
        prefetch: int = 32,
        concurrency: int | None = None,
        lease: float | None = None,
        auto_extend: bool = True,
    ) -> Consumer[_T]:
        """Return the messages as they come: `async for message in queue.consume(): async with message: ...`.

        `prefetch`: messages leased at a time, those that are worked on among them; at least one a shard.
        `concurrency`: messages that are worked on at a time. `lease`: in s (default: the queue's); with `auto_extend`
        it only says how long others wait if we die, and whoever works on a message for 12 hours loses it.
        """
        return self._consumer(Appetite(prefetch, concurrency, lease, auto_extend))

    async def work(self, handler: Handler[_T], **options: Unpack[WorkOptions]) -> None:
        """Give every message to `handler`, several at a time, until cancelled; a plain function runs in a thread.

        Returning acknowledges. What it raises is logged, and fails the message: it comes again after the backoff.
        Cancelled, it waits for the threads: their messages are kept until they end. Async handlers have `grace` s.
        """
        await work(self._consumer, handler, **options)

    def _consumer(self, appetite: Appetite) -> Consumer[_T]:
        return Consumer(self._access, self._codec, self._subscription, appetite)

    async def receive(
        self,
        max: int = 1,  # noqa: A002 - what everybody calls it
        *,
        wait: float = 0.0,
        lease: float | None = None,
    ) -> list[Message[_T]]:
        """Lease up to `max` messages, after waiting up to `wait` s for the first. Settle or extend them yourself.

        A cancelled call leaves nothing leased behind.
        """
        access, subscription = self._access, self._subscription
        route = await access.routes.of(self.name)
        shards = route.shards if route.shards > route.previous else route.previous
        first = access.routes.turn()
        order = [(first + step) % shards for step in range(shards)]
        if shards > 1:
            for shard in order:
                look = receive_command(self.name, shard, subscription, max, 0.0, lease)
                found = await self._first([look])
                if found:
                    return found
            if wait <= 0:
                return []
        return await self._first(
            [receive_command(self.name, shard, subscription, max, wait, lease) for shard in order]
        )

    async def _first(self, asked: Sequence[ReceiveMessages]) -> list[Message[_T]]:
        """Return what the first of these receives brings, and undo the others."""
        queues = self._access.queues
        pendings = {queues.ask_receive(each): each for each in asked}
        try:
            return await self._brought(pendings)
        finally:
            for pending, command in pendings.items():
                queues.withdraw_nowait(pending, command)

    async def _brought(self, pendings: dict[Pending, ReceiveMessages]) -> list[Message[_T]]:
        left = {
            asyncio.ensure_future(self._access.queues.session.outcome(each, keep=True)): each
            for each in pendings
        }
        try:
            while left:
                done, _ = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
                for future in [each for each in left if each in done]:  # in the order of their turns
                    pending = left.pop(future)
                    found = self._delivered(pending, pendings)
                    if found:
                        return found
        finally:
            for future in left:
                future.cancel()
        return []

    def _delivered(self, pending: Pending, pendings: dict[Pending, ReceiveMessages]) -> list[Message[_T]]:
        outcome = pending.outcome
        if type(outcome) is Delivery:
            command = pendings.pop(pending)
            settler = self._access.settler(command.shard, self._subscription)
            return messages_of(outcome, pending, settler, self._codec, self._access.queues.clock, None)
        if not isinstance(outcome, OutcomeUnknown):
            del pendings[pending]
        error = problem(outcome, self.name)
        error.position = pending.position
        raise error
