"""What messages come from: a queue, or one subscription of a broadcast queue."""

from typing import Generic, TypeVar, Unpack

from tidelock.client.queues.access import Access
from tidelock.client.queues.appetite import Appetite, lease_ms_of
from tidelock.client.queues.codecs import Codec
from tidelock.client.queues.consumer import Consumer
from tidelock.client.queues.handling import Handler
from tidelock.client.queues.inspecting import Inspected
from tidelock.client.queues.message import Message
from tidelock.client.queues.receiving import Receive, Receiver
from tidelock.client.queues.settlements import Settlements
from tidelock.client.queues.work import WorkOptions, work

_T = TypeVar("_T")


class Readable(Inspected, Generic[_T]):
    """What messages can be received from."""

    def __init__(self, access: Access, codec: Codec[_T], subscription: str) -> None:
        super().__init__(access, subscription)
        self._codec = codec
        self._settlements = Settlements(access, subscription)
        self._receiver = Receiver(access, codec, subscription)

    async def ack(self, *messages: Message[_T] | str) -> None:
        """Done: messages, or receipts as text.

        All are checked before any is sent. Raises `ReceiptInvalid`, which tells all that hold no longer; the others
        are settled.
        """
        await self._settlements.ack(messages)

    async def nack(
        self,
        *messages: Message[_T] | str,
        delay: float | None = None,
        reason: str = "",
        returned: bool = False,
    ) -> None:
        """Not done (see `Message.nack`), or (`returned`) not worked on. Raises as `ack` does."""
        await self._settlements.nack(messages, delay, reason, returned)

    async def extend(self, *messages: Message[_T] | str, lease: float | None = None) -> None:
        """Keep messages for `lease` s (default: the queue's) from now. Raises as `ack` does."""
        await self._settlements.extend(messages, lease_ms_of(lease))

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

        A cancelled call leaves nothing leased behind. If the queue is resized meanwhile, all its shards are asked;
        of a resize while nothing waits it hears within 30 s.
        """
        return await self._receiver.receive(Receive(max, wait, lease))
