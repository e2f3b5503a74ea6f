"""The virtual broker: topics by offset, its own clock, and produces that are slow, lost, late or twice.

Implements the ports of `streams.log.ports`. What lands is told to observers (the judge) at that very instant.
"""

import asyncio
from asyncio import Future
from collections import deque
from collections.abc import AsyncIterator, Callable
from random import Random

from streams.log.letters import DeadLetter
from streams.log.ports import Appended, AppendUnknown, LogUnavailable, Stored
from streams.log.positions import PartitionId
from tests.simulation.faults import Faults
from tests.simulation.loop import Process, SimLoop

EPOCH_MS = 1_700_000_000_000


class Topic:
    """One partition of one topic."""

    def __init__(self, broker: "Broker", name: str) -> None:
        self.broker = broker
        self.name = name
        self.records: list[Stored] = []
        self.observers: list[Callable[[Stored, Landing | None], None]] = []
        self._waiters: list[Future[None]] = []

    def land(self, value: bytes | None, landing: "Landing | None" = None) -> Stored:
        """Append a record now and tell everybody."""
        stored = Stored(len(self.records), self.broker.wall_ms(), value)
        self.records.append(stored)
        for observer in self.observers:
            observer(stored, landing)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        return stored

    async def grown(self) -> None:
        """Return once the topic has grown."""
        waiter: Future[None] = self.broker.loop.create_future()
        self._waiters.append(waiter)
        await waiter


class Broker:
    """All topics and the broker's clock. `skew_ms` may step at any time, as after a change of leader."""

    def __init__(self, loop: SimLoop, random: Random, faults: Faults) -> None:
        self.loop = loop
        self.random = random
        self.faults = faults
        self.skew_ms = 0
        self.topics: dict[str, Topic] = {}

    def wall_ms(self) -> int:
        """Return the broker's wall clock."""
        return EPOCH_MS + int(self.loop.now * 1000) + self.skew_ms

    def topic(self, name: str) -> Topic:
        """Return the topic, made on first use."""
        if name not in self.topics:
            self.topics[name] = Topic(self, name)
        return self.topics[name]

    def hit(self, probability: float) -> bool:
        """Draw a fault. Costs no randomness where the fault is off."""
        return probability > 0.0 and self.random.random() < probability

    def latency(self) -> float:
        """Return one network leg, mostly about a millisecond."""
        return 0.0003 + 0.002 * self.random.random() ** 2


class Landing:
    """One record on its way into a topic."""

    __slots__ = (
        "acked_at",
        "arrival",
        "future",
        "landed",
        "lost",
        "sent_at",
        "silent",
        "unknown",
        "value",
        "writer",
    )

    def __init__(self, writer: "VirtualWriter", value: bytes, future: "Future[Appended]", now: float) -> None:
        self.writer = writer
        self.value = value
        self.future = future
        self.sent_at = now
        self.arrival = 0.0
        self.acked_at: float | None = None
        self.lost = False
        self.silent = False
        """Nobody will ever hear of it."""
        self.unknown = False
        """Its writer hears `AppendUnknown`, whether it lands or not."""
        self.landed = False


class CloseFailure(Exception):
    """A planted exception: no port promises not to raise it."""


class VirtualWriter:
    """One ordered, idempotent writer. Records leave in order; fate decides which arrive, when, and who is told."""

    def __init__(self, topic: Topic, process: Process, watch: Callable[[Landing], None]) -> None:
        self.process = process
        self.unacked = 0
        self._topic = topic
        self._broker = topic.broker
        self._watch = watch
        self._last_arrival = 0.0
        self._last_ack = 0.0
        self._broken = False
        self._closed = False
        self.open: list[Landing] = []
        self._unsent: deque[Landing] = deque()

    async def append(self, record: bytes) -> "Future[Appended]":
        loop = self._broker.loop
        future: Future[Appended] = loop.create_future()
        landing = Landing(self, record, future, loop.now)
        self.open = [one for one in self.open if not one.future.done()]
        self.open.append(landing)
        self._watch(landing)
        # The client's own sender task: a frozen process sends on when it thaws, a dead one never.
        self._unsent.append(landing)
        loop.call_later(self._broker.latency() * 0.2, self._send_next, context=self.process.context)
        return future

    async def close(self) -> None:
        self._closed = True
        for landing in self.open:
            if not landing.landed and self._broker.random.random() < 0.5:
                landing.lost = True
            self._broker.loop.later(self._broker.latency(), _fail, landing)
        if self._broker.hit(self._broker.faults.p_close_failure):
            raise CloseFailure

    def abandon(self) -> None:
        """The process died: some of what is under way is lost, the rest may land much later."""
        random, faults = self._broker.random, self._broker.faults
        late = 20.0 * random.random() if self._broker.hit(faults.p_late_landing * 3) else 0.0
        lost_from = random.randint(0, len(self.open)) if self.open else 0
        for i, landing in enumerate(self.open):
            landing.lost = landing.lost or i >= lost_from
            landing.arrival += late

    def resolve(self) -> None:
        """The faults are over: the client's retries end every open outcome, one way or the other."""
        for landing in self.open:
            if landing.silent and not landing.future.done():
                self._broker.loop.later(0.1, _fail, landing)

    def _send_next(self) -> None:
        self._send(self._unsent.popleft())

    def _send(self, landing: Landing) -> None:
        broker, faults = self._broker, self._broker.faults
        if self._closed and landing.lost:
            return
        delay = broker.latency()
        if self._broken:
            landing.lost = landing.unknown = True
        elif broker.hit(faults.p_lost_produce):
            landing.lost = self._broken = True
            landing.silent = broker.random.random() < 0.3
            landing.unknown = not landing.silent
        elif broker.hit(faults.p_gap):
            landing.lost = landing.silent = True
        elif broker.hit(faults.p_lost_ack):
            landing.silent = broker.random.random() < 0.5
            landing.unknown = not landing.silent
        elif broker.hit(faults.p_late_landing):
            delay += 15.0 * broker.random.random() ** 2
            landing.unknown = self._broken = True
        elif broker.hit(faults.p_slow_produce):
            delay += broker.random.choice((4.0, 4.0, 9.0)) * broker.random.random() ** 3
        landing.arrival = max(self._last_arrival, broker.loop.now + delay)
        self._last_arrival = landing.arrival
        if landing.unknown:
            broker.loop.later(0.05 + 3.0 * broker.random.random() ** 2, _fail, landing)
        if not landing.lost:
            broker.loop.later(landing.arrival - broker.loop.now, self._land, landing)

    def _land(self, landing: Landing) -> None:
        broker = self._broker
        if landing.lost:
            return
        if broker.loop.now < landing.arrival:
            broker.loop.later(landing.arrival - broker.loop.now, self._land, landing)
            return
        landing.landed = True
        stored = self._topic.land(landing.value, landing)
        if broker.hit(broker.faults.p_duplicate_record):
            broker.loop.later(2.0 * broker.random.random() ** 3, self._topic.land, landing.value)
        if not landing.silent and not landing.unknown:
            self._last_ack = max(self._last_ack, broker.loop.now + broker.latency())
            broker.loop.later(self._last_ack - broker.loop.now, _ack, landing, stored, broker.loop)


def _ack(landing: Landing, stored: Stored, loop: SimLoop) -> None:
    landing.acked_at = loop.now
    if not landing.future.done():
        landing.future.set_result(Appended(stored.offset, stored.timestamp_ms))


def _fail(landing: Landing) -> None:
    if not landing.future.done():
        landing.future.set_exception(AppendUnknown("the outcome of the append is unknown"))
        landing.future.exception()


class VirtualReader:
    """Reads one topic in batches of random size, a fetch latency late."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic

    async def bounds(self) -> tuple[int, int]:
        await self._fetch()
        return 0, len(self._topic.records)

    def read(self, start: int, end: int | None = None) -> AsyncIterator[list[Stored]]:
        return _Reading(self, self._topic, start, end)

    async def _fetch(self) -> None:
        broker = self._topic.broker
        await asyncio.sleep(broker.latency())
        if broker.hit(broker.faults.p_read_error):
            raise LogUnavailable(f"{self._topic.name} cannot be read now")


class _Reading:
    def __init__(self, reader: VirtualReader, topic: Topic, start: int, end: int | None) -> None:
        self._reader = reader
        self._topic = topic
        self._position = start
        self._end = end

    def __aiter__(self) -> "_Reading":
        return self

    async def __anext__(self) -> list[Stored]:
        if self._end is not None and self._position >= self._end:
            raise StopAsyncIteration
        while self._position >= len(self._topic.records):
            await self._topic.grown()
        await self._reader._fetch()
        size = self._topic.broker.random.choice((1, 3, 50, 1000))
        stop = self._position + size if self._end is None else min(self._end, self._position + size)
        batch = self._topic.records[self._position : stop]
        self._position += len(batch)
        return batch

    async def aclose(self) -> None:
        """Nothing to give back."""


class VirtualDeadLetters:
    """Dead letters, as a list: (partition, offset, code)."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.letters: list[tuple[PartitionId, int, str]] = []

    async def put(self, letter: DeadLetter) -> None:
        await asyncio.sleep(self._broker.latency())
        if self._broker.hit(self._broker.faults.p_letter_failure):
            raise LogUnavailable("the dead letters cannot be written now")
        self.letters.append((letter.where, letter.offset, letter.code))


class VirtualPorts:
    """Everything one process touches of one partition."""

    def __init__(
        self,
        broker: Broker,
        where: PartitionId,
        process: Process,
        letters: VirtualDeadLetters,
        watch: Callable[[Landing], None],
    ) -> None:
        suffix = f"/{where.partition}"
        self.log = VirtualReader(broker.topic(where.log_topic + suffix))
        self.commands = VirtualReader(broker.topic(where.commands_topic + suffix))
        self.dead_letters = letters
        self.writers: list[VirtualWriter] = []
        self._topic = broker.topic(where.log_topic + suffix)
        self._process = process
        self._watch = watch

    async def writer(self) -> VirtualWriter:
        broker = self._topic.broker
        await asyncio.sleep(broker.latency())
        if broker.hit(broker.faults.p_read_error):
            raise LogUnavailable("no writer can be had now")
        writer = VirtualWriter(self._topic, self._process, self._watch)
        self.writers.append(writer)
        return writer

    def resolve(self) -> None:
        """The faults are over."""
        for writer in self.writers:
            writer.resolve()

    def abandon(self) -> None:
        """The process died."""
        for writer in self.writers:
            writer.abandon()
