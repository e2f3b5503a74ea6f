"""`client.queue(...)`: the usual way to use a queue."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, Unpack

from streams.domain.queues.commands import NewMessage
from tidelock.client.errors import BadArgument, PartlyPut, PayloadUnreadable, TidelockError
from tidelock.client.queues.access import Access
from tidelock.client.queues.administration import Administered, add_subscription, remove_subscription
from tidelock.client.queues.codecs import Codec
from tidelock.client.queues.producer import MAX_MESSAGES, Put
from tidelock.client.queues.reading import Readable
from tidelock.client.queues.results import Results
from tidelock.client.queues.terms import MessageOptions, message_of

_T = TypeVar("_T")


class Subscription(Readable[_T]):
    """One subscription of a broadcast queue: every message comes to each of them."""

    @property
    def subscription(self) -> str:
        """Its name."""
        return self._subscription

    async def add(self) -> None:
        """Keep messages for it, from now on. If it is there, that is fine."""
        await add_subscription(self._access, self._subscription)

    async def remove(self, *, force: bool = False) -> None:
        """Forget it, and what it has not acknowledged.

        With dead letters, or some on their way to another queue, raises `QueueNotEmpty`, unless `force`.
        """
        await remove_subscription(self._access, self._subscription, force=force)


class Queue(Administered, Readable[_T]):
    """A queue: messages are put, leased, and gone once they are acknowledged.

    orders = client.queue("orders", codec=Json())
    await orders.put({"id": 42}, group="customer/7")
    async for message in orders.consume():
        async with message:
            ship(message.payload)
    """

    def __init__(self, access: Access, codec: Codec[_T]) -> None:
        super().__init__(access, codec, "")

    def subscription(self, name: str) -> Subscription[_T]:
        """Return one subscription of this broadcast queue; `add` it before messages are put."""
        if not isinstance(name, str) or not name:
            raise BadArgument("A subscription has a name. Give text.")
        return Subscription(self._access, self._codec, name)

    # -- putting ---------------------------------------------------------------------------------------------

    async def put(self, payload: _T, **options: Unpack[MessageOptions]) -> Put:
        """Put one message; it is in the queue for good once this returns.

        Puts that are made while a command is under way travel together in the next one, in their order.
        A cancelled call may have put the message. Raises `QueueUnknown`, `QueueFull`, `PayloadTooLarge`,
        `PayloadUnreadable` (the codec refuses the payload), `BadArgument`, `OutcomeUnknown`.
        """
        producer = self._access.producer
        message = message_of(self._encode(payload), self._now_ms(options), options)
        if producer.is_full:
            await producer.room()
        told: asyncio.Future[Put | TidelockError] = asyncio.get_running_loop().create_future()

        def done(outcome: Put | TidelockError) -> None:
            if not told.done():
                told.set_result(outcome)

        producer.put(message, done)
        outcome = await told
        if isinstance(outcome, Put):
            return outcome
        raise outcome

    async def put_many(self, payloads: Iterable[_T], **options: Unpack[MessageOptions]) -> list[Put]:
        """Put messages that share their options, in order. Raises `PartlyPut` if some are in and others are not.

        If none is in, the first one's error is raised: `PayloadTooLarge` (beyond 128 KiB) and `BadArgument` before
        any is sent. A `dedup_id` is one message's: give it to one only, or use `put_each`.
        """
        now_ms = self._now_ms(options)
        messages = [message_of(self._encode(each), now_ms, options) for each in payloads]
        if len(messages) > 1 and options.get("dedup_id") is not None:
            raise BadArgument(
                f"dedup_id {options['dedup_id']!r:.100} is for {len(messages)} messages: all but the first would be "
                "dropped as its duplicates. Give each an id of its own: put_each([(payload, {'dedup_id': ...}), ...])."
            )
        return await self._put_all(messages)

    async def put_each(self, messages: Iterable[tuple[_T, MessageOptions]]) -> list[Put]:
        """Put messages that have options of their own, as `put_many` does."""
        made = [message_of(self._encode(each), self._now_ms(own), own) for each, own in messages]
        return await self._put_all(made)

    async def _put_all(self, messages: list[NewMessage]) -> list[Put]:
        producer, results, place = self._access.producer, Results[Put](len(messages)), 0
        while place < len(messages):
            if producer.is_full:
                await producer.room()
            end = min(place + MAX_MESSAGES, len(messages))
            with producer.gathering():
                while place < end and not producer.is_full:
                    producer.put(messages[place], results.at(place))
                    place += 1
        outcomes = await results.all()
        errors = [each for each in outcomes if isinstance(each, TidelockError)]
        if errors:
            raise self._not_all(outcomes, errors)
        return [each for each in outcomes if isinstance(each, Put)]

    def _not_all(self, results: list[Put | TidelockError], errors: list[TidelockError]) -> TidelockError:
        if len(errors) == len(results):
            return errors[0]
        error = PartlyPut(
            f"{len(errors)} of {len(results)} messages are not in {self.name!r}: {errors[0]} "
            "See `results`, and put those again whose error says that it helps."
        )
        error.queue, error.results = self.name, tuple(results)
        return error

    def _encode(self, payload: _T) -> bytes:
        try:
            return self._codec.encode(payload)
        except Exception as error:
            told = PayloadUnreadable(
                f"{type(self._codec).__name__} cannot write the payload ({error!r:.200}). Give it what it can."
            )
            told.queue = self.name
            raise told from error

    def _now_ms(self, options: Mapping[str, Any]) -> int:
        if options.get("deliver_at") is None:
            return 0
        queues = self._access.queues
        return queues.place(self.name, 0).wall_ms(queues.clock.now())
