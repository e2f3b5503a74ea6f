"""`python -m bench.queues.consumer ADDRESS QUEUE ...`: takes and acknowledges messages until it is told how many there
were and has them all. Started by the benchmark.
"""

import argparse
import asyncio
from functools import partial
from time import time
from typing import Any

import tidelock
from bench.queues.role import age_ms, warm_up
from bench.role import line, run, say
from bench.rounds import percentile
from bench.stack import TOKEN


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("queue")
    parser.add_argument("--prefetch", type=int, default=200)
    parser.add_argument("--batch", type=int, default=0, help="acknowledge so many at a time; 0: each alone")
    return parser.parse_args()


class Consumer:
    """Takes, and notes how old each message was."""

    def __init__(self, queue: Any, asked: argparse.Namespace) -> None:
        self._queue, self._asked = queue, asked
        self._wanted: int | None = None
        self._all = asyncio.Event()
        self.age_ms: list[float] = []
        self.acked = 0

    async def run(self) -> None:
        """Work until all are acknowledged."""
        working = asyncio.create_task(self._batches() if self._asked.batch else self._each())
        self._wanted = int(await line())
        self._look()
        await self._all.wait()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    async def _each(self) -> None:
        async with (
            self._queue.consume(prefetch=self._asked.prefetch) as consumer,
            asyncio.TaskGroup() as acks,
        ):
            async for message in consumer:
                self.age_ms.append(age_ms(message.payload))
                acks.create_task(self._ack(message))

    async def _ack(self, message: Any) -> None:
        await message.ack()
        self._count(1)

    async def _batches(self) -> None:
        await asyncio.gather(*(self._batch() for _ in range(2)))

    async def _batch(self) -> None:
        while True:
            messages = await self._queue.receive(self._asked.batch, wait=60)
            self.age_ms.extend(age_ms(message.payload) for message in messages)
            await self._queue.ack(*messages)
            self._count(len(messages))

    def _count(self, number: int) -> None:
        self.acked += number
        self._look()

    def _look(self) -> None:
        if self._wanted is not None and self.acked >= self._wanted:
            self._all.set()


async def consume(asked: argparse.Namespace) -> dict[str, Any]:
    """Take all, and return how many, until when, and how old they were."""
    async with tidelock.connect(asked.address, token=TOKEN) as client:
        await warm_up(client, asked.queue)
        consumer = Consumer(client.queue(asked.queue), asked)
        say("ready")
        await consumer.run()
        ended = time()
    ordered = sorted(consumer.age_ms)
    return {
        "acked": consumer.acked,
        "delivered": len(ordered),
        "ended": ended,
        "p50_ms": percentile(ordered, 0.5),
        "p99_ms": percentile(ordered, 0.99),
    }


if __name__ == "__main__":
    run(partial(consume, arguments()))
