"""A message that this client leases, to be settled once: done, failed, or given back.

async with message:            # acknowledged at the end; an exception fails it, and is raised on
    ship(message.payload)
"""

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Generic, Protocol, TypeVar

from streams.domain.queues.commands import Origin, Receipt
from streams.domain.queues.replies import GONE, Delivery, MessageBody, ReceiptsTaken
from tidelock.client.clock import Clock
from tidelock.client.errors import PayloadUnreadable, ReceiptInvalid, TidelockError
from tidelock.client.membership import Membership
from tidelock.client.partition import Partition
from tidelock.client.pending import Pending
from tidelock.client.queues.appetite import lease_ms_of
from tidelock.client.queues.codecs import Codec
from tidelock.client.queues.commands import nack_terms
from tidelock.client.queues.ids import MessageId, ReceiptId
from tidelock.client.queues.settling import Settler, Told

_T = TypeVar("_T")
_UNREAD: Final = object()


class Keeper(Protocol):
    """Whoever keeps count of the messages that are not settled."""

    def settling(self, message: "Message[Any]") -> None:
        """Somebody said what becomes of it; told again when that is tried again."""

    def settled(self, message: "Message[Any]", error: TidelockError | None) -> None:
        """It is not leased any more; `error`: nobody who waits for it was there to be told of this."""


class Message(Generic[_T]):
    """One message under lease. `payload` is decoded when it is first looked at."""

    __slots__ = (
        "_clock", "_codec", "_keeper", "_payload", "_settled", "_settler", "attempt", "batch", "body",
        "expires_at_ms", "handed_out", "id", "in_thread", "is_entered", "is_lost", "is_worked_on", "member",
        "partition", "token",
    )  # fmt: skip

    def __init__(
        self, message_id: MessageId, token: int, expires_at_ms: int, attempt: int, body: MessageBody,
        partition: Partition, settler: Settler, codec: Codec[_T], clock: Clock, keeper: Keeper | None,
        member: Membership | None = None,
    ) -> None:  # fmt: skip
        self.id = message_id
        self.token = token
        self.expires_at_ms = expires_at_ms
        """In lease time of the shard's partition."""
        self.attempt = attempt
        """1 is the first."""
        self.body = body
        self.partition = partition
        self.member = member
        self.handed_out = self.is_worked_on = False
        """The keeper's: whether somebody has it; and has not begun to settle it."""
        self.is_entered = False
        """Whether it was entered as a block, which settles it."""
        self.in_thread = False
        """Whether a thread works on it, which nobody can stop: it must not be given back."""
        self.is_lost = False
        """Whether the lease can no longer be trusted: somebody else may work on it."""
        self._settler = settler
        self._codec = codec
        self._clock = clock
        self._keeper = keeper
        self._payload: Any = _UNREAD
        self._settled = False
        self.batch: Any = None
        """The keeper's, until it is settled."""

    # -- what it says ----------------------------------------------------------------------------------------

    @property
    def queue(self) -> str:
        """The queue's name."""
        return self._settler.queue

    @property
    def payload(self) -> _T:
        """What was put. Raises `PayloadUnreadable` if the codec cannot read it."""
        if self._payload is _UNREAD:
            try:
                self._payload = self._codec.decode(self.body.payload)
            except Exception as error:
                raise self._unreadable(error) from error
        payload: _T = self._payload
        return payload

    def _unreadable(self, error: Exception) -> PayloadUnreadable:
        told = PayloadUnreadable(
            f"The payload of message {self.id} in {self.queue!r} cannot be read by {type(self._codec).__name__} "
            f"({error!r:.200}). Use the codec that it was put with."
        )
        told.queue = self.queue
        return told

    @property
    def group(self) -> str | None:
        """Its group."""
        return self.body.group

    @property
    def key(self) -> str | None:
        """Its key."""
        return self.body.key

    @property
    def priority(self) -> int:
        """0 to 9; 9 is served first."""
        return self.body.priority

    @property
    def dedup_id(self) -> str | None:
        """Its deduplication id."""
        return self.body.dedup_id

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers."""
        return {header.name: header.value for header in self.body.headers}

    @property
    def origin(self) -> Origin | None:
        """Where it was, and why it died there, if it is a dead letter of another queue."""
        return self.body.origin

    @property
    def age(self) -> float:
        """About how many seconds ago it was put, by the queue's time."""
        return max(0.0, self._clock.now() - self.partition.trusted_until(self.body.enqueued_at))

    @property
    def receipt(self) -> str:
        """The receipt as text: whoever has it can settle the message, as the same principal."""
        return str(ReceiptId(self.id.shard, self.id.number, self.token))

    @property
    def raw_receipt(self) -> Receipt:
        """The receipt as commands carry it."""
        return Receipt(self.id.number, self.token)

    @property
    def is_settled(self) -> bool:
        """Whether it was acknowledged, failed or given back."""
        return self._settled

    def leased_until(self) -> float:
        """Return the local time until which the lease has not run out for certain."""
        return self.partition.trusted_until(self.expires_at_ms)

    def trusted_until(self) -> float:
        """Return the local time until which nobody else can have it: the lease runs out, or its session may end."""
        leased_s, member = self.leased_until(), self.member
        return leased_s if member is None else min(leased_s, member.trusted_until())

    def expires_in(self) -> float:
        """Return for how many seconds it is leased for certain."""
        return max(0.0, self.trusted_until() - self._clock.now())

    # -- what becomes of it ----------------------------------------------------------------------------------

    async def ack(self) -> None:
        """Done: it never comes back once this returns. Raises `ReceiptInvalid` if the lease is over."""
        await _answer(self.ack_nowait)

    async def nack(self, *, delay: float | None = None, reason: str = "") -> None:
        """Not done: it is delivered again after `delay` s (default: the queue's backoff), or dies."""
        await _answer(lambda told: self.nack_nowait(told, delay, reason))

    async def give_back(self) -> None:
        """Not worked on: others may have it at once, and no attempt is counted."""
        await _answer(lambda told: self.nack_nowait(told, None, "", returned=True))

    def ack_nowait(self, told: Told) -> None:
        """Acknowledge; `told` gets an error or None."""
        self._begin()
        self._settler.ack(self.raw_receipt, lambda error: self._ended(error, told))

    def nack_nowait(self, told: Told, delay: float | None, reason: str, *, returned: bool = False) -> None:
        """Fail or (`returned`) give back; `told` gets an error or None. Raises `BadArgument` before all that."""
        nack_terms(delay, reason)
        self._begin()
        receipts = [self.raw_receipt]
        self._settler.nack(receipts, delay, reason, returned, lambda error: self._ended(error, told))

    def _ended(self, error: TidelockError | None, told: Told) -> None:
        if error is not None and not isinstance(error, ReceiptInvalid):
            self._settled = False  # the caller may try again
        else:
            self._end_unheard(None)
        told(error)

    async def extend(self, lease: float | None = None) -> None:
        """Keep it for `lease` s (default: the queue's) from now. Raises `ReceiptInvalid`."""
        told: asyncio.Future[ReceiptsTaken | TidelockError] = asyncio.get_running_loop().create_future()
        lease_ms = lease_ms_of(lease)

        def done(reply: ReceiptsTaken | TidelockError) -> None:
            if not told.done():
                told.set_result(reply)

        self._settler.extend([self.raw_receipt], lease_ms, done)
        reply = await told
        if isinstance(reply, TidelockError):
            raise reply
        self.expires_at_ms = reply.expires_at

    def settle_nowait(self, error: BaseException | None) -> None:
        """Acknowledge, or (an error of the handler) fail, or (any other end) give back; await nothing."""
        self._begin()
        if error is None:
            self._settler.ack(self.raw_receipt, self._end_unheard)
        else:
            failed = isinstance(error, Exception)
            reason = described(error) if failed else ""
            self._settler.nack([self.raw_receipt], None, reason, not failed, self._end_unheard)

    def note_returned(self) -> None:
        """The lease is given back, with others of the same delivery."""
        self._settled = True

    def _begin(self) -> None:
        if self._settled:
            raise ReceiptInvalid(
                f"Message {self.id} of {self.queue!r} was settled before. Settle each message once."
            )
        self._settled = True
        if self._keeper is not None:
            self._keeper.settling(self)

    def _end_unheard(self, error: TidelockError | None) -> None:
        if self._keeper is not None:
            self._keeper.settled(self, error)

    async def __aenter__(self) -> "Message[_T]":
        self.is_entered = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Settle, unless the block did. The answer is not awaited.

        If none comes, or the lease was lost meanwhile (`is_lost`), that is logged, and the message comes again.
        """
        if not self._settled:
            self.settle_nowait(error)

    def __repr__(self) -> str:
        return f"<Message {self.id} of {self.queue!r}, attempt {self.attempt}, for {self.expires_in():.1f} s>"


async def _answer(send: Callable[[Told], None]) -> None:
    """Send, and return once all is well. Raises the error that comes."""
    future: asyncio.Future[TidelockError | None] = asyncio.get_running_loop().create_future()

    def told(error: TidelockError | None) -> None:
        if not future.done():
            future.set_result(error)

    send(told)
    error = await future
    if error is not None:
        raise error


def described(error: BaseException) -> str:
    """Return what a dead letter tells of the exception."""
    try:
        text = str(error)
    except Exception:  # somebody else's words: without them the message fails all the same
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def messages_of(
    reply: Delivery, pending: Pending, settler: Settler, codec: Codec[_T], clock: Clock, keeper: Keeper | None
) -> list[Message[_T]]:
    """Return the messages of a delivery, but for those that are gone meanwhile: a repeated answer may name some."""
    made = list[Message[_T]]()
    decode, shard, incarnation = pending.decode, settler.shard, reply.incarnation
    for attempt, payload in zip(reply.messages, pending.payloads, strict=True):
        body = decode(payload)
        if body == GONE:
            continue
        made.append(
            Message(
                MessageId(shard, incarnation, attempt.message), reply.token, reply.expires_at, attempt.attempt,
                body, pending.partition, settler, codec, clock, keeper,
                pending.member,
            )
        )  # fmt: skip
    return made
