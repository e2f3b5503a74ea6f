"""Programs that use queues by the real client library: they put, consume, receive, and look after the queue."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, cast

from tests.simulation.queues.known import Place
from tests.simulation.trust import Hold
from tests.simulation.users import User
from tidelock.client.errors import TidelockError
from tidelock.client.queues.consumer import Consumer
from tidelock.client.queues.message import Message
from tidelock.client.queues.queue import Queue, Subscription
from tidelock.client.queues.reading import Readable
from tidelock.client.queues.terms import MessageOptions

if TYPE_CHECKING:
    from tests.simulation.queues.subject import QueueSubject

READERS = ("a", "b")
MANY = 40
"""Having put so many messages a user slows down."""


class WorkFailed(Exception):
    """What a handler raises."""


class QueueUser(User):
    """One such program."""

    _puts = 0

    @property
    def subject(self) -> "QueueSubject":
        """What the history is about."""
        return cast("QueueSubject", self.partition.subject)

    async def _live(self) -> None:
        random = self.random
        await self.subject.make(self)
        programs: list[Callable[[], Coroutine[Any, Any, None]]] = [self._put, self._consume, self._receive]
        program = random.choice((*programs, self._put, self._consume, self._operate))
        if self.subject.news and random.random() < 0.5:
            program = random.choice((self._put_news, self._put_news, self._read_news, self._change_news))
        elif self.subject.deletes:
            program = random.choice((program, self._put, self._consume, self._make_anew))
        elif self.subject.restless:
            program = random.choice((self._put, self._put, self._consume, self._unsettle))
        while not self.stopping:
            await asyncio.sleep(random.random() ** 2 * self.world.pace_s)
            try:
                await program()
            except (TidelockError, TimeoutError) as error:
                self.world.trace(self.name, repr(error))

    def queue(self) -> Queue[bytes]:
        """Return one of the queues, mostly the sharded one."""
        main, other = self.partition.names[:2]
        return self.client.queue(main if self.random.random() < 0.8 else other)

    # ── putting ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _put(self) -> None:
        if self._puts > MANY:
            await asyncio.sleep(1.0)
        queue = self.queue()
        count = self.random.choice((1, 1, 2, 4))
        if self.random.random() < 0.3:
            async with asyncio.timeout(self.random.choice((0.3, 2.0, None))):
                await self._put_batch(queue, count)
            return
        async with asyncio.timeout(self.random.choice((0.3, 2.0, None))):
            await asyncio.gather(*(self._put_one(queue) for _ in range(count)))

    async def _put_one(self, queue: Queue[bytes]) -> None:
        payload, options = self._message()
        put = await queue.put(payload, **options)
        self._told(queue, payload, options, put)

    async def _put_batch(self, queue: Queue[bytes], count: int) -> None:
        messages = [self._message() for _ in range(count)]
        for (payload, options), put in zip(messages, await queue.put_each(messages), strict=True):
            self._told(queue, payload, options, put)

    def _message(self) -> tuple[bytes, MessageOptions]:
        random, options = self.random, MessageOptions()
        if random.random() < 0.6:
            options["group"] = random.choice("abcd")
        elif random.random() < 0.5 or self.subject.restless:
            options["dedup_id"] = random.choice("xyz")
        if random.random() < 0.15:
            options["delay"] = random.choice((0.1, 1.0))
        if random.random() < 0.3:
            options["priority"] = random.choice((0, 9))
        self._puts += 1
        return f"{self.name}/{self._puts}".encode(), options

    def _told(self, queue: Queue[bytes], payload: bytes, options: MessageOptions, put: Any) -> None:
        books = self.subject.ledger
        place = books.place(queue.name, put.id.shard, put.id.incarnation, put.id.number)
        books.put(place, payload, options.get("dedup_id"), duplicate=put.duplicate)

    # ── working ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _consume(self, source: Readable[bytes] | None = None) -> None:
        random, extends = self.random, self.random.random() < 0.7
        consumer = (source or self.queue()).consume(
            prefetch=random.choice((1, 4, 16)),
            concurrency=random.choice((None, 1, 2)),
            lease=random.choice((None, 0.4, 1.0)),
            auto_extend=extends,
        )
        hands = [asyncio.ensure_future(self._hand(consumer, extends)) for _ in range(random.randint(1, 3))]
        until = self.world.loop.now + random.choice((0.3, 2.0, 6.0))
        while self.world.loop.now < until and not self.stopping:
            await asyncio.sleep(0.1)
        if random.random() < 0.3:
            consumer.stop_nowait()
        else:
            await consumer.stop()
        await asyncio.gather(*hands)

    async def _hand(self, consumer: Consumer[bytes], extends: bool) -> None:
        try:
            while (message := await consumer.get()) is not None:
                self.handed_out(message)
                await self._work(message, leaves=not extends)
        except TidelockError as error:
            self.world.trace(self.name, repr(error))

    async def _work(self, message: Message[bytes], *, leaves: bool) -> None:
        random = self.random
        for _ in range(random.choice((0, 0, 1, 3, 6))):
            await asyncio.sleep(random.random() ** 2 * 0.5)
            self._believe(message)
            if self.stopping:
                break
        try:
            await self._settle(message, leaves=leaves)
        except (TidelockError, WorkFailed) as error:
            self.world.trace(self.name, message, repr(error))
            if not message.is_settled:
                message.settle_nowait(error)

    async def _settle(self, message: Message[bytes], *, leaves: bool) -> None:
        draw = self.random.random()
        if leaves and draw < 0.15:
            return
        self._disbelieve(message)
        if draw < 0.65:
            await message.ack()
            self.subject.ledger.acked(self.name, self._place(message))
        elif draw < 0.75:
            async with message:
                pass
        elif draw < (0.93 if self.subject.restless or self.subject.deletes else 0.85):
            await message.nack(delay=self.random.choice((None, 0.0, 0.5)), reason="why")
        elif draw < 0.93:
            await message.give_back()
        else:
            async with message:
                raise WorkFailed

    async def _receive(self) -> None:
        random = self.random
        async with asyncio.timeout(random.choice((0.05, 0.5, 4.0))):
            messages = await self.queue().receive(
                random.choice((1, 3, 10)),
                wait=random.choice((0.0, 0.5, 3.0)),
                lease=random.choice((None, 0.4, 1.0)),
            )
        for message in messages:
            if message.expires_in() > 0:
                self.handed_out(message)
        if messages and random.random() < 0.3:
            await self.client.queue(messages[0].queue).extend(*messages, lease=1.5)
            for message in messages:
                self._believe(message)
        for message in messages:
            await self._work(message, leaves=True)

    # ── news: a broadcast queue ─────────────────────────────────────────────────────────────────────────────

    async def _put_news(self) -> None:
        if self._puts <= MANY:
            await self._put_one(self.client.queue(self.partition.names[2]))

    async def _read_news(self) -> None:
        reader = self._reader()
        await reader.add()
        await self._consume(reader)

    async def _change_news(self) -> None:
        await asyncio.sleep(2 * self.random.random())
        reader, draw = self._reader(), self.random.random()
        if draw < 0.3:
            await reader.remove()
        elif draw < 0.6:
            await reader.redrive()
        else:
            await reader.add()

    def _reader(self) -> Subscription[bytes]:
        return self.client.queue(self.partition.names[2]).subscription(self.random.choice(READERS))

    # ── looking after it ────────────────────────────────────────────────────────────────────────────────────

    async def _operate(self) -> None:
        random, queue, draw = self.random, self.queue(), self.random.random()
        await asyncio.sleep(random.random())
        async with asyncio.timeout(random.choice((1.0, 6.0))):
            if self.subject.changes and random.random() < 0.4:
                await self.subject.change(self)
            elif draw < 0.2:
                await queue.pause()
                await asyncio.sleep(random.random())
                await queue.resume()
            elif draw < 0.4:
                to = self.partition.names[1] if self.subject.moves and random.random() < 0.4 else None
                if self.subject.news and self.subject.moves and random.random() < 0.4:
                    to = self.partition.names[2]
                await self.client.queue(self.partition.names[0]).redrive(to=to)
            elif draw < 0.5:
                await queue.purge(random.choice(("READY", "DELAYED", "DEAD")), limit=2)
            elif draw < 0.6:
                await queue.stats()
            elif draw < 0.65:
                await queue.peek(5)
            elif not self.subject.deletes:
                await self.client.queue(self.partition.names[0]).resize(random.randint(1, 3))

    async def _make_anew(self) -> None:
        """Its one shard only: `Queue.delete` looks for others, too, in partitions that nobody owns here."""
        await self.client.queues.delete(self.partition.names[0], force=True)
        await self.subject.make(self)

    async def _unsettle(self) -> None:
        """Resize again and again, and redrive whatever died."""
        queue, random = self.client.queue(self.partition.names[0]), self.random
        async with asyncio.timeout(6.0):
            if random.random() < 0.5:
                await queue.redrive()
            else:
                await queue.resize(random.randint(1, 3), wait=random.random() < 0.7)

    # ── what it believes ────────────────────────────────────────────────────────────────────────────────────

    def _place(self, message: Message[bytes]) -> Place:
        of, whose = message.id, message._settler.subscription
        return self.subject.ledger.place(message.queue, of.shard, of.incarnation, of.number, whose)

    def handed_out(self, message: Message[bytes]) -> None:
        """It is worked on from now on."""
        place = self._place(message)
        self.subject.ledger.handed_out(self.name, place, message.token, message.payload)
        self._believe(message)

    def _believe(self, message: Message[bytes]) -> None:
        """Trust the lease as long as the library says now."""
        if message.is_lost:
            self._disbelieve(message)
            return
        judge, partition = self.partition.judge, message.partition
        judge.learnt(self.name, partition.trusted_until(judge.lease_ms) / self.clock.rate)
        until = message.trusted_until() / self.clock.rate
        for name, who in self._claims(message):
            judge.trust.hold(name, who, Hold(message.token, True, until))

    def _disbelieve(self, message: Message[bytes]) -> None:
        for name, who in self._claims(message):
            self.partition.judge.trust.drop(name, who)

    def _claims(self, message: Message[bytes]) -> list[tuple[str, tuple[str, str]]]:
        place, who = self._place(message), (self.name, f"{message.id}@{message.token}")
        return [(name, who) for name in self.subject.ledger.claims(place)]
