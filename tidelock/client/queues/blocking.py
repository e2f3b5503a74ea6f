"""Queues without async: the same calls, which block. Made by `tidelock.sync`.

for message in client.queue("orders", codec=Json()).consume():
    with message:                          # acknowledged at the end; an exception fails it
        ship(message.payload)
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar, Unpack

from streams.domain.queues.commands import State
from streams.domain.queues.settings import QueueSettings
from tidelock.client.queues.consumer import Consumer
from tidelock.client.queues.ids import MessageId
from tidelock.client.queues.message import Message as AsyncMessage
from tidelock.client.queues.producer import Put
from tidelock.client.queues.queue import Queue as AsyncQueue
from tidelock.client.queues.queue import Subscription as AsyncSubscription
from tidelock.client.queues.resizing import ResizeProgress
from tidelock.client.queues.terms import MessageOptions, QueueOptions
from tidelock.client.queues.views import PeekedView, QueueReport

_T = TypeVar("_T")


class Loop(Protocol):
    """Runs coroutines elsewhere."""

    def run(self, work: Any) -> Any:
        """Return what `work` returns."""

    def is_here(self) -> bool:
        """Say whether this is the thread that runs them."""


class Message(Generic[_T]):
    """One message under lease, to be settled once."""

    def __init__(self, message: AsyncMessage[_T], loop: Loop) -> None:
        self.asynchronous = message
        """The message itself."""
        self._loop = loop

    @property
    def id(self) -> MessageId:
        """Its id."""
        return self.asynchronous.id

    @property
    def payload(self) -> _T:
        """What was put. Raises `PayloadUnreadable`."""
        return self.asynchronous.payload

    @property
    def attempt(self) -> int:
        """1 is the first."""
        return self.asynchronous.attempt

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers."""
        return self.asynchronous.headers

    @property
    def group(self) -> str | None:
        """Its group."""
        return self.asynchronous.group

    @property
    def receipt(self) -> str:
        """The receipt as text."""
        return self.asynchronous.receipt

    @property
    def is_lost(self) -> bool:
        """Whether the lease can no longer be trusted."""
        return self.asynchronous.is_lost

    def expires_in(self) -> float:
        """Return for how many seconds it is leased for certain."""
        return self.asynchronous.expires_in()

    def ack(self) -> None:
        """Done. Raises `ReceiptInvalid` if the lease is over."""
        self._loop.run(self.asynchronous.ack())

    def nack(self, *, delay: float | None = None, reason: str = "") -> None:
        """Not done: it is delivered again after `delay` s (default: the queue's backoff), or dies."""
        self._loop.run(self.asynchronous.nack(delay=delay, reason=reason))

    def give_back(self) -> None:
        """Not worked on: others may have it at once, and no attempt is counted."""
        self._loop.run(self.asynchronous.give_back())

    def extend(self, lease: float | None = None) -> None:
        """Keep it for `lease` s (default: the queue's) from now."""
        self._loop.run(self.asynchronous.extend(lease))

    def __enter__(self) -> "Message[_T]":
        self.asynchronous.is_entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(self.asynchronous.__aexit__(kind, error, trace))


class _Readable(Generic[_T]):
    """What messages can be received from."""

    def __init__(self, queue: AsyncQueue[_T] | AsyncSubscription[_T], loop: Loop) -> None:
        self._readable = queue
        self._loop = loop

    @property
    def name(self) -> str:
        """The queue's name."""
        return self._readable.name

    def receive(
        self,
        max: int = 1,  # noqa: A002 - what everybody calls it
        *,
        wait: float = 0.0,
        lease: float | None = None,
    ) -> list[Message[_T]]:
        """Lease up to `max` messages, after waiting up to `wait` s for the first."""
        found = self._loop.run(self._readable.receive(max, wait=wait, lease=lease))
        return [Message(each, self._loop) for each in found]

    def consume(
        self, *, prefetch: int = 32, lease: float | None = None, auto_extend: bool = True
    ) -> Iterator[Message[_T]]:
        """Yield the messages as they come; leases are extended in the background while they are worked on."""
        consumer = self._readable.consume(prefetch=prefetch, lease=lease, auto_extend=auto_extend)
        try:
            while (message := self._next(consumer)) is not None:
                yield Message(message, self._loop)
        finally:
            if self._loop.is_here():  # the garbage collector came by, wherever that thread was
                asyncio.get_running_loop().call_soon(consumer.stop_nowait)
            else:
                self._loop.run(consumer.stop())

    def _next(self, consumer: Consumer[_T]) -> AsyncMessage[_T] | None:
        try:
            message: AsyncMessage[_T] | None = self._loop.run(consumer.get())
        except BaseException:  # an interrupt: a message may be on its way to us
            self._loop.run(consumer.__aexit__(None, None, None))
            raise
        return message

    def ack(self, *messages: Message[_T] | str) -> None:
        """Done: messages, or receipts as text."""
        self._loop.run(self._readable.ack(*map(_inner, messages)))

    def nack(
        self,
        *messages: Message[_T] | str,
        delay: float | None = None,
        reason: str = "",
        returned: bool = False,
    ) -> None:
        """Not done, or (`returned`) not worked on."""
        given = map(_inner, messages)
        self._loop.run(self._readable.nack(*given, delay=delay, reason=reason, returned=returned))

    def extend(self, *messages: Message[_T] | str, lease: float | None = None) -> None:
        """Keep messages for `lease` s (default: the queue's) from now."""
        self._loop.run(self._readable.extend(*map(_inner, messages), lease=lease))

    def peek(
        self, limit: int = 20, *, state: State | None = None, after: MessageId | str | None = None
    ) -> list[PeekedView]:
        """Look at messages without leasing them."""
        found: list[PeekedView] = self._loop.run(self._readable.peek(limit, state=state, after=after))
        return found

    def redrive(
        self,
        *messages: MessageId | str,
        group: str | None = None,
        reason: str | None = None,
        to: str | None = None,
        limit: int | None = None,
        dry_run: bool = False,
    ) -> list[MessageId]:
        """Give dead letters new attempts, here or in the queue `to`; return which."""
        chosen: list[MessageId] = self._loop.run(
            self._readable.redrive(*messages, group=group, reason=reason, to=to, limit=limit, dry_run=dry_run)
        )
        return chosen

    def purge(self, state: State = "READY", *, limit: int | None = None) -> int:
        """Remove messages that are READY, DELAYED or DEAD; return how many."""
        removed: int = self._loop.run(self._readable.purge(state, limit=limit))
        return removed


class Subscription(_Readable[_T]):
    """One subscription of a broadcast queue."""

    _readable: AsyncSubscription[_T]

    def add(self) -> None:
        """Keep messages for it, from now on."""
        self._loop.run(self._readable.add())

    def remove(self, *, force: bool = False) -> None:
        """Forget it, and what it has not acknowledged."""
        self._loop.run(self._readable.remove(force=force))


class Queue(_Readable[_T]):
    """A queue. See `tidelock.Queue`."""

    _readable: AsyncQueue[_T]

    def subscription(self, name: str) -> Subscription[_T]:
        """Return one subscription of this broadcast queue."""
        return Subscription(self._readable.subscription(name), self._loop)

    def put(self, payload: _T, **options: Unpack[MessageOptions]) -> Put:
        """Put one message; it is in the queue for good once this returns."""
        done: Put = self._loop.run(self._readable.put(payload, **options))
        return done

    def put_many(self, payloads: Iterable[_T], **options: Unpack[MessageOptions]) -> list[Put]:
        """Put messages that share their options, in order."""
        done: list[Put] = self._loop.run(self._readable.put_many(list(payloads), **options))
        return done

    def create(self, *, shards: int = 1, **options: Unpack[QueueOptions]) -> None:
        """Make the queue. If it is there with the same settings and shards, that is fine."""
        self._loop.run(self._readable.create(shards=shards, **options))

    def configure(self, **options: Unpack[QueueOptions]) -> QueueSettings:
        """Change some settings; return all."""
        settings: QueueSettings = self._loop.run(self._readable.configure(**options))
        return settings

    def delete(self, *, force: bool = False) -> int:
        """Remove the queue; return how many messages went with it."""
        removed: int = self._loop.run(self._readable.delete(force=force))
        return removed

    def pause(self) -> None:
        """Deliver nothing until `resume`."""
        self._loop.run(self._readable.pause())

    def resume(self) -> None:
        """Deliver again."""
        self._loop.run(self._readable.resume())

    def stats(self) -> QueueReport:
        """Return the queue in numbers, never stale."""
        report: QueueReport = self._loop.run(self._readable.stats())
        return report

    def resize(
        self,
        shards: int,
        *,
        wait: bool = True,
        progress: Callable[[ResizeProgress], None] | None = None,
    ) -> ResizeProgress:
        """Spread the queue over so many shards.

        `progress` is called on the client's own thread: a blocking call there raises `BadArgument`.
        """
        reached: ResizeProgress = self._loop.run(self._readable.resize(shards, wait=wait, progress=progress))
        return reached


def _inner(given: Message[_T] | str) -> AsyncMessage[_T] | str:
    return given.asynchronous if isinstance(given, Message) else given
