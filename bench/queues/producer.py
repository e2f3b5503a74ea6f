"""`python -m bench.queues.producer ADDRESS QUEUE ...`: puts messages for some seconds. Started by the benchmark."""

import argparse
import asyncio
from functools import partial
from time import perf_counter, time
from typing import Any

import tidelock
from bench.queues.role import stamped, warm_up
from bench.role import line, run, say
from bench.rounds import percentile
from bench.stack import TOKEN

SIZE = 200


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("queue")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--window", type=int, default=1, help="puts, or batches, under way at a time")
    parser.add_argument("--batch", type=int, default=0, help="messages a put_many; 0: put")
    parser.add_argument("--rate", type=float, default=0.0, help="messages a second; 0: as fast as it goes")
    return parser.parse_args()


class Producer:
    """Puts, and notes how long each took."""

    def __init__(self, queue: Any, asked: argparse.Namespace) -> None:
        self._queue, self._asked = queue, asked
        self._until = 0.0
        self.sent = 0
        self.took_s: list[float] = []

    async def run(self) -> None:
        """Put for as long as asked."""
        self._until = perf_counter() + self._asked.seconds
        if self._asked.rate:
            await self._paced()
        else:
            await asyncio.gather(*(self._loop() for _ in range(self._asked.window)))

    async def _loop(self) -> None:
        while perf_counter() < self._until:
            await self._put()

    async def _paced(self) -> None:
        begun = perf_counter()
        under_way: set[asyncio.Task[None]] = set()
        while (due := begun + len(under_way) / self._asked.rate) < self._until:
            await asyncio.sleep(max(0.0, due - perf_counter()))
            under_way.add(asyncio.create_task(self._put()))
        await asyncio.gather(*under_way)

    async def _put(self) -> None:
        begun, batch = perf_counter(), self._asked.batch
        if batch:
            await self._queue.put_many([stamped(SIZE) for _ in range(batch)])
        else:
            await self._queue.put(stamped(SIZE))
        self.took_s.append(perf_counter() - begun)
        self.sent += batch or 1


async def produce(asked: argparse.Namespace) -> dict[str, Any]:
    """Put, and return how many, since when, and how long a put took."""
    async with tidelock.connect(asked.address, token=TOKEN) as client:
        await warm_up(client, asked.queue)
        producer = Producer(client.queue(asked.queue), asked)
        say("ready")
        await line()
        begun = time()
        await producer.run()
    ordered = sorted(1000 * each for each in producer.took_s)
    return {
        "sent": producer.sent,
        "began": begun,
        "put_p50_ms": percentile(ordered, 0.5),
        "put_p99_ms": percentile(ordered, 0.99),
    }


if __name__ == "__main__":
    run(partial(produce, arguments()))
