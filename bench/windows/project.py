"""The projector with all read models and standard aggregates of all kinds, from logs that clients of each wrote."""

import asyncio
from contextlib import AsyncExitStack
from math import inf
from time import perf_counter
from typing import Any, Final

from bench.locks.direct import pairs
from bench.plan import Plan
from bench.reads.project import projected
from bench.reads.stack import client_of
from bench.rounds import Repeat, Tally
from streams.read_models import PROJECTIONS
from tidelock import Client
from tidelock.local.stack import LocalStack

LOCK_CLIENTS: Final = 128
QUEUE_CLIENTS: Final = 64
CACHE_CLIENTS: Final = 64
REPEATS_PER_S: Final = 15_000
"""The logs are of so many repeats of what clients do for each second of a round: some two decisions each."""
SIZE: Final = 200


class Counted(Tally):
    """A load that is over after so many repeats, however long they take."""

    def __init__(self, repeats: int) -> None:
        super().__init__(inf)
        self._left = repeats

    def done(self, begun: float) -> bool:  # noqa: ARG002
        """Say whether there is more to do."""
        self._left -= 1
        return self._left > 0


async def measure(plan: Plan) -> dict[str, Any]:
    """Measure one process that projects locks, queues, caches and nodes from their start."""

    async def fill(stack: LocalStack) -> None:
        await _fill(stack, round(REPEATS_PER_S * plan.seconds))

    found = await projected(plan, "projection of all kinds", PROJECTIONS, fill)
    return {"project_decisions_per_s": found["decisions_per_s"], "project_decisions_per_s_spread": found["spread"],
            "project": found}  # fmt: skip


async def _fill(stack: LocalStack, repeats: int) -> None:
    async with AsyncExitStack() as closing:
        count = LOCK_CLIENTS + QUEUE_CLIENTS + CACHE_CLIENTS
        clients = [await closing.enter_async_context(client_of(stack)) for _ in range(count)]
        await clients[0].queue("bench").create()
        await clients[0].cache("bench").create()
        tally = Counted(repeats)
        await asyncio.gather(*[_load(number, client)(tally) for number, client in enumerate(clients)])


def _load(number: int, client: Client) -> Repeat:
    if number < LOCK_CLIENTS:
        return pairs(client.locks, f"bench/{number}")
    return _messages(client) if number < LOCK_CLIENTS + QUEUE_CLIENTS else _writes(client, f"entry-{number}")


def _messages(client: Client) -> Repeat:
    """Return one client that puts a message, receives one and acknowledges it."""
    queue = client.queue("bench")

    async def repeat(tally: Tally) -> None:
        going = True
        while going:
            begun = perf_counter()
            await queue.put(bytes(SIZE))
            await queue.ack(*await queue.receive(1, wait=5))
            going = tally.done(begun)

    return repeat


def _writes(client: Client, entry: str) -> Repeat:
    """Return one client that writes an entry again and again."""
    cache = client.cache("bench")

    async def repeat(tally: Tally) -> None:
        going = True
        while going:
            begun = perf_counter()
            await cache.put(entry, bytes(SIZE), keep="INVALID")
            going = tally.done(begun)

    return repeat
