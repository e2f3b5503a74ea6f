"""Settling many messages at once: all are checked before any is sent, and one error tells which were refused."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

from streams.domain.queues.commands import Receipt
from streams.domain.queues.replies import ReceiptsTaken
from tidelock.client.errors import BadArgument, ReceiptInvalid
from tidelock.client.queues.access import Access
from tidelock.client.queues.commands import nack_terms
from tidelock.client.queues.ids import ReceiptId
from tidelock.client.queues.message import Message
from tidelock.client.queues.results import Results, raise_refused
from tidelock.client.queues.settling import Settler

Asked: TypeAlias = Mapping[ReceiptId, Message[Any] | None]
"""Deliveries, each once; with the message where there is one."""


class Settlements:
    """Acknowledges, fails, and extends deliveries of one queue, or one subscription of it."""

    def __init__(self, access: Access, subscription: str) -> None:
        self._access = access
        self._subscription = subscription

    async def ack(self, given: Sequence[Message[Any] | str]) -> None:
        """Acknowledge."""
        asked = self._checked(given)
        results = Results[None](len(asked))
        with self._gathering(asked):
            for place, (receipt, message) in enumerate(asked.items()):
                if message is None:
                    self._settler(receipt).ack(_raw(receipt), results.at(place))
                else:
                    message.ack_nowait(results.at(place))
        raise_refused(asked, await results.all())

    async def nack(
        self, given: Sequence[Message[Any] | str], delay: float | None, reason: str, returned: bool
    ) -> None:
        """Fail, or (`returned`) give back."""
        asked = self._checked(given)
        nack_terms(delay, reason)
        results = Results[None](len(asked))
        with self._gathering(asked):
            for place, (receipt, message) in enumerate(asked.items()):
                told = results.at(place)
                if message is None:
                    self._settler(receipt).nack([_raw(receipt)], delay, reason, returned, told)
                else:
                    message.nack_nowait(told, delay, reason, returned=returned)
        raise_refused(asked, await results.all())

    async def extend(self, given: Sequence[Message[Any] | str], lease_ms: int) -> None:
        """Keep for so long from now; 0: as long as the queue's lease is."""
        asked = self._checked(given)
        results = Results[ReceiptsTaken](len(asked))
        shards: dict[Settler, list[Any]] = {}
        for place, receipt in enumerate(asked):
            shards.setdefault(self._settler(receipt), []).append((_raw(receipt), results.at(place)))
        for settler, part in shards.items():
            settler.extend_each(part, lease_ms)
        outcomes = await results.all()
        for message, taken in zip(asked.values(), outcomes, strict=True):
            if message is not None and isinstance(taken, ReceiptsTaken):
                message.expires_at_ms = max(message.expires_at_ms, taken.expires_at)
        raise_refused(asked, outcomes)

    def _checked(self, given: Sequence[Message[Any] | str]) -> Asked:
        """Return each delivery once. Raises `BadArgument`, or `ReceiptInvalid` if a message was settled before."""
        asked: dict[ReceiptId, Message[Any] | None] = {}
        for each in given:
            if not isinstance(each, Message):
                asked.setdefault(ReceiptId.parse(each), None)
                continue
            if each.queue != self._access.name:
                raise BadArgument(
                    f"Message {each.id} is of queue {each.queue!r}, not of {self._access.name!r}. Settle it there."
                )
            asked[ReceiptId(each.id.shard, each.id.number, each.token)] = each
        settled = [str(each.id) for each in asked.values() if each is not None and each.is_settled]
        if settled:
            error = ReceiptInvalid(
                f"Of {len(asked)} messages of {self._access.name!r} {len(settled)} were settled before: "
                f"{', '.join(settled):.500}. Nothing was sent: leave them out, and settle each message once.",
                details=(("problem", "NOT_LEASED"), *(("message", each) for each in settled)),
            )
            error.queue = self._access.name
            raise error
        return asked

    @contextmanager
    def _gathering(self, asked: Asked) -> Iterator[None]:
        with ExitStack() as stack:
            for settler in {self._settler(receipt): None for receipt in asked}:
                stack.enter_context(settler.gathering())
            yield

    def _settler(self, receipt: ReceiptId) -> Settler:
        return self._access.settler(receipt.shard, self._subscription)


def _raw(receipt: ReceiptId) -> Receipt:
    return Receipt(receipt.number, receipt.token)
