"""The demo's queue: a producer and some consumers at a walking pace, and now and then a handler that fails."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Any

from tidelock.client.client import Client
from tidelock.client.errors import BadArgument, ClientClosed, NotAuthenticated, QueueExists, TidelockError
from tidelock.client.queues.codecs import Json
from tidelock.client.queues.message import Message
from tidelock.client.queues.queue import Queue
from tidelock.client.queues.terms import QueueOptions

QUEUE = "demo/tasks"
SHARDS = 2
CONSUMERS = 2
GROUPS = ("customer/1", "customer/2", "customer/3", None)
HANDLE_S = (0.02, 0.3)
PAUSE_S = (0.05, 0.5)
FAILING = 0.05
"""Share of the handlers that fail."""
OPTIONS: QueueOptions = {"max_attempts": 3, "max_depth": 1_000}
"""A demo that nobody looks after stays small."""


class DemoQueue:
    """Messages on their way until cancelled."""

    def __init__(self) -> None:
        self._put = self._handled = self._failed = 0
        self._refused: Counter[str] = Counter()

    async def run(self, producer: Client, consumers: Sequence[Client]) -> None:
        """Put and handle until cancelled. Raises `TidelockError` if the token, or what is asked, is refused."""
        await self._made(_queue(producer))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._produce(_queue(producer)))
            for client in consumers:
                tasks.create_task(self._consume(_queue(client)))

    def summary(self) -> str:
        """Return what happened so far, in one line."""
        refused = "".join(f", {count} {code}" for code, count in sorted(self._refused.items()))
        return (
            f"queue {QUEUE}: {self._put:,} put, {self._handled:,} handled, {self._failed:,} failed{refused}"
        )

    async def _made(self, queue: Queue[Any]) -> None:
        made = False
        while not made:
            try:
                await queue.create(shards=SHARDS, **OPTIONS)
            except QueueExists:
                return  # as somebody else wants it
            except TidelockError as error:
                await self._pause_after(error)
            else:
                made = True

    async def _produce(self, queue: Queue[Any]) -> None:
        for task in count(1):
            try:
                await queue.put({"task": task}, group=random.choice(GROUPS))  # noqa: S311 - a workload, not a secret
                self._put += 1
            except TidelockError as error:
                await self._pause_after(error)
            await asyncio.sleep(random.uniform(*PAUSE_S))  # noqa: S311

    async def _consume(self, queue: Queue[Any]) -> None:
        while True:
            try:
                async with queue.consume(prefetch=2) as consumer:
                    while (message := await consumer.get()) is not None:
                        await self._handle(message)
            except TidelockError as error:
                await self._pause_after(error)

    async def _handle(self, message: Message[Any]) -> None:
        await asyncio.sleep(random.uniform(*HANDLE_S))  # noqa: S311
        if random.random() < FAILING:  # noqa: S311
            await message.nack(reason="now and then one fails")
            self._failed += 1
        else:
            await message.ack()
            self._handled += 1

    async def _pause_after(self, error: TidelockError) -> None:
        if isinstance(error, NotAuthenticated | ClientClosed | BadArgument):
            raise error
        self._refused[error.code] += 1
        await asyncio.sleep(random.uniform(*PAUSE_S))  # noqa: S311


def _queue(client: Client) -> Queue[Any]:
    return client.queue(QUEUE, codec=Json())
