"""Simulated clients that queue, by single commands of both lanes: they enqueue, receive, and settle by receipt."""

import asyncio
from typing import TYPE_CHECKING, Any, cast

from streams.domain.queues.commands import (
    AckMessages,
    EnqueueMessages,
    ExtendLeases,
    InspectQueue,
    NackMessages,
    NewMessage,
    PeekMessages,
    Receipt,
    ReceiveMessages,
    WithdrawReceive,
)
from streams.domain.queues.replies import Delivery, MessagesAccepted, ReceiptsTaken
from tests.simulation.clients import Call, Client
from tests.simulation.queues.known import claim_of
from tests.simulation.trust import Hold

if TYPE_CHECKING:
    from tests.simulation.queues.subject import QueueSubject


class QueueClient(Client):
    """One client of the queue that has one shard."""

    _puts = 0

    @property
    def subject(self) -> "QueueSubject":
        """What the history is about."""
        return cast("QueueSubject", self.partition.subject)

    async def live(self, handle: str) -> None:
        """Put and receive until told to stop."""
        random, name = self.random, self.partition.names[1]
        await self.reply(self.ask(handle, self.subject.creation()), 2.0)
        while not self.stopping:
            draw = random.random()
            if draw < 0.4:
                await self._put(handle, name)
            elif draw < 0.9:
                await self._receive(handle, name)
            elif draw < 0.95:
                await self.reply(self.ask(handle, InspectQueue(name, 0)), 0.5)
            else:
                await self.reply(self.ask(handle, PeekMessages(name, 0, "", None, 0, 10)), 0.5)
            await asyncio.sleep(random.random() ** 2 * self.world.pace_s)
            self._mischief(handle)

    def _impostor(self) -> Any:
        return AckMessages(self.partition.names[1], 0, "", (Receipt(10**6, 10**6),))

    async def _put(self, handle: str, name: str) -> None:
        messages = tuple(self._message() for _ in range(self.random.choice((1, 1, 3))))
        reply = await self.reply(self.ask(handle, EnqueueMessages(name, 0, 0, messages)), 3.0)
        if isinstance(reply, MessagesAccepted):
            books = self.subject.ledger
            for message, result in zip(messages, reply.results, strict=True):
                place = books.place(name, 0, reply.incarnation, result.message)
                duplicate = result.outcome == "DUPLICATE"
                books.put(place, message.payload, message.dedup_id, duplicate=duplicate)

    def _message(self) -> NewMessage:
        random = self.random
        self._puts += 1
        return NewMessage(
            f"{self.name}/{self._puts}".encode(),
            None,
            None,
            random.choice((-1, 0, 9)),
            random.choice((0, 0, 0, 300)),
            random.choice((None, None, "x", "y")),
            (),
            0,
            None,
        )

    async def _receive(self, handle: str, name: str) -> None:
        random = self.random
        command = ReceiveMessages(
            name, 0, "", random.choice((1, 2, 5)), random.choice((0, 500, 3000)), random.choice((0, 400))
        )
        call = self.ask(handle, command)
        delivery = await self.reply(call, random.choice((0.2, 2.0, 6.0)))
        if not isinstance(delivery, Delivery):
            await self._withdraw(handle, name, call)
            return
        receipts = tuple(Receipt(each.message, delivery.token) for each in delivery.messages)
        self._trust(name, delivery.incarnation, receipts, delivery.expires_at)
        if receipts and random.random() < 0.2:
            last_s = self.until(delivery.expires_at) - self.world.loop.now
            await asyncio.sleep(max(0.0, last_s + random.uniform(-0.01, 0.02)))
        else:
            await asyncio.sleep(random.random() ** 2 * 0.5)
        if receipts:
            await self._settle(handle, name, call, delivery.incarnation, receipts)

    async def _settle(
        self, handle: str, name: str, call: Call, incarnation: int, receipts: tuple[Receipt, ...]
    ) -> None:
        random = self.random
        if random.random() < 0.2:
            extended = await self.reply(self.ask(handle, ExtendLeases(name, 0, "", receipts, 600)), 1.0)
            if isinstance(extended, ReceiptsTaken) and not extended.refused:
                self._trust(name, incarnation, receipts, extended.expires_at)
        draw = random.random()
        if draw < 0.1:
            return
        for receipt in receipts:
            self.partition.judge.trust.drop(
                self._claim(name, incarnation, receipt), (self.name, str(receipt.token))
            )
        if draw < 0.6:
            await self.reply(self.ask(handle, AckMessages(name, 0, "", receipts)), 1.0)
        elif draw < 0.85:
            nack = NackMessages(name, 0, "", receipts, random.choice((-1, 0)), "why", draw < 0.7)
            await self.reply(self.ask(handle, nack), 1.0)
        else:
            await self._withdraw(handle, name, call)

    async def _withdraw(self, handle: str, name: str, call: Call) -> None:
        await self.reply(self.ask(handle, WithdrawReceive(name, 0, "", call.sequence)), 3.0)

    def _claim(self, name: str, incarnation: int, receipt: Receipt) -> str:
        return claim_of(self.subject.ledger.place(name, 0, incarnation, receipt.message))

    def _trust(self, name: str, incarnation: int, receipts: tuple[Receipt, ...], expires_at: int) -> None:
        for receipt in receipts:
            hold, who = Hold(receipt.token, True, self.until(expires_at)), (self.name, str(receipt.token))
            self.partition.judge.trust.hold(self._claim(name, incarnation, receipt), who, hold)
