"""A producer or a consumer in a process of its own, that writes down all it does and can be told how to die.

`python -m tests.integration.queues.role produce|consume WORKERS QUEUE JOURNAL [FIRST]`. SIGTERM: end in order.
SIGUSR1: freeze, SIGUSR2: be killed, in the midst of things: with messages in hand, or as the first of a batch is in.
A line of a journal is one system call, so what was written outlives whoever wrote it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from itertools import count
from typing import Any
from zlib import crc32

import tidelock
from tidelock.client.queues.codecs import Json
from tidelock.client.queues.message import Message
from tidelock.client.queues.queue import Queue

BATCH = 12
PACE_S = 0.025
"""Between batches, and for a message in hand: so that there is something under way, and the log stays short."""
LEASE_S = 1.5
HANDS = 8
PREFETCH = 24
GROUPS = 6
FAILING = 0.01
POISON = 150
"""Every so manieth message fails whenever it is handled."""
TOKEN = "integration"


def group_of(number: int) -> str | None:
    """Return the group: two of three messages have one."""
    return f"g{number % GROUPS}" if number % 3 else None


def fails(number: int, attempt: int) -> bool:
    """Say whether a handler fails: the same in each run."""
    return number % POISON == POISON - 1 or crc32(f"{number}/{attempt}".encode()) < FAILING * 2**32


class Role:
    """What both have: a journal, and signals that wait for the worst moment."""

    def __init__(self, queue: Queue[Any], journal: str) -> None:
        self.queue = queue
        self._journal = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._fate: signal.Signals | None = None
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self._doom, signal.SIGSTOP)
        loop.add_signal_handler(signal.SIGUSR2, self._doom, signal.SIGKILL)

    def _doom(self, fate: signal.Signals) -> None:
        self._fate = fate

    def meet_fate(self) -> None:
        """Freeze or die here and now, if that was asked for."""
        fate, self._fate = self._fate, None
        if fate is not None:
            os.kill(os.getpid(), fate)

    def note(self, what: str, *facts: Any) -> None:
        """Write a line; time is the machine's, the same for all processes."""
        os.write(self._journal, json.dumps([what, monotonic_ns(), *facts]).encode() + b"\n")


def monotonic_ns() -> int:
    """Return the machine's time, which no process has for itself."""
    return int(1e9 * asyncio.get_running_loop().time())


class Producer(Role):
    """Puts numbers in order, each under its own dedup id; a batch is begun when the one before is in for certain."""

    async def run(self, first: int) -> None:
        """Put from `first` on, until cancelled between batches."""
        ending = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
        for start in count(first, BATCH):
            left = set(range(start, start + BATCH))
            while left:
                left -= await self._batch(sorted(left))
            if ending.is_set():
                return
            await asyncio.sleep(PACE_S)

    async def _batch(self, numbers: list[int]) -> set[int]:
        done: set[int] = set()
        putting = [asyncio.create_task(self._put(number, done)) for number in numbers]
        for each in asyncio.as_completed(putting):
            await each
            self.meet_fate()
        return done

    async def _put(self, number: int, done: set[int]) -> None:
        try:
            put = await self.queue.put(number, group=group_of(number), dedup_id=f"m{number}")
        except tidelock.TidelockError as error:
            self.note("failed", number, error.code)
        else:
            if self._fate is not signal.SIGKILL:  # confirmed, and nobody will ever know
                self.note("put", number, str(put.id), put.duplicate)
            done.add(number)


class Consumer(Role):
    """Works messages off; some fail."""

    async def run(self, _first: int) -> None:
        """Work until SIGTERM."""
        consumer = self.queue.consume(prefetch=PREFETCH, concurrency=HANDS, lease=LEASE_S)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, consumer.stop_nowait)
        async with asyncio.TaskGroup() as hands:
            async for message in consumer:
                self.note("handed", str(message.id), message.token, message.attempt, message.payload)
                hands.create_task(self._handle(message))

    async def _handle(self, message: Message[Any]) -> None:
        await asyncio.sleep(PACE_S)
        self.meet_fate()
        failing = fails(message.payload, message.attempt)
        self.note("settling", str(message.id), message.token)
        try:
            await (message.nack(reason="this one fails") if failing else message.ack())
        except tidelock.TidelockError as error:
            self.note("refused", str(message.id), message.token, error.code)
        else:
            self.note("nacked" if failing else "acked", str(message.id), message.token)


async def main(role: str, workers: str, queue: str, journal: str, first: str = "0") -> None:
    """Play the role."""
    async with tidelock.connect(*workers.split(","), token=TOKEN, connect_timeout=40.0) as client:
        kind = Producer if role == "produce" else Consumer
        await kind(client.queue(queue, codec=Json()), journal).run(int(first))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
