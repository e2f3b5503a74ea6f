"""Deadlocks of three transactions on three partitions: from the closing acquire to the victim's exception."""

import asyncio
from contextlib import AsyncExitStack, suppress
from time import time
from typing import Any

import tidelock
from bench.plan import Plan
from bench.reads.deadlock_stages import Circle, stages
from bench.reads.stack import TENANT, client_of, read_stack
from bench.reads.watching import steady
from bench.rounds import percentile
from streams.wire.keys import key_of
from streams.wire.murmur2 import partition_of

PARTITIONS = 4
AROUND = 3
A_SECOND = 8
"""Deadlocks measured for each second of the plan's rounds."""
WARM_UP = 5
WARM_UP_NAMES = [f"warm/{n}" for n in range(200)]
WARM_UP_PAIRS_PER_S = 300


async def measure(plan: Plan) -> dict[str, Any]:
    """Measure one deadlock after the other, with two detectors at work."""
    count = max(20, int(A_SECOND * plan.seconds * plan.rounds))
    async with (
        read_stack(partitions=PARTITIONS, projectors=0, processes=2) as stack,
        AsyncExitStack() as closing,
    ):
        clients = [await closing.enter_async_context(client_of(stack)) for _ in range(AROUND)]
        plan.say("deadlock: warming up the broker")
        await steady(clients[0], WARM_UP_NAMES, WARM_UP_PAIRS_PER_S, plan.warm_up_s)
        plan.say(f"deadlock: {count} of them")
        circles = [await _deadlock(clients, number) for number in range(WARM_UP + count)][WARM_UP:]
        told = await stages(stack.addresses.kafka, PARTITIONS, circles)
    ordered = sorted(1000 * (one.told_s - one.closed_s) for one in circles)
    return {
        **told,
        "deadlock_p50_ms": round(percentile(ordered, 0.50), 2),
        "deadlock_p99_ms": round(percentile(ordered, 0.99), 2),
        "deadlocks": count,
    }


async def _deadlock(clients: list[tidelock.Client], number: int) -> Circle:
    """Close a circle, and wait until its victim, the youngest, is told."""
    names = _names(number)
    begun = clients[0].now_ms()
    transactions = [client.transaction(started_ms=begun + n) for n, client in enumerate(clients)]
    async with AsyncExitStack() as held:
        for transaction, name in zip(transactions, names, strict=True):
            await held.enter_async_context(transaction)
            await transaction.acquire(name)
        waits = [
            asyncio.create_task(_told(transactions[n], names[(n + 1) % AROUND])) for n in range(AROUND - 1)
        ]
        for name in names[1:]:
            await _until_awaited(clients[0], name)
        closed = time()
        told = await _told(transactions[-1], names[0])
        await transactions[-1].__aexit__(None, None, None)
        if told is None:
            raise RuntimeError("the youngest was not the victim")
        older = zip(reversed(waits), reversed(transactions[:-1]), strict=True)
        await asyncio.gather(*(_left(wait, transaction) for wait, transaction in older))
    return Circle(key_of(TENANT, names[0]), closed, told)


async def _told(transaction: Any, name: str) -> float | None:
    """Wait for the lock; return when this transaction was told to give way, None if it got the lock."""
    try:
        await transaction.acquire(name, wait=30)
    except tidelock.Deadlock:
        return time()
    return None


async def _left(wait: "asyncio.Task[float | None]", transaction: Any) -> None:
    await wait
    with suppress(tidelock.LockLost):
        await transaction.__aexit__(None, None, None)


async def _until_awaited(client: tidelock.Client, name: str) -> None:
    while not (await client.inspect(name)).waiter_count:
        await asyncio.sleep(0.005)


def _names(number: int) -> list[str]:
    """Return a name on each of as many partitions as there are transactions."""
    found: dict[int, str] = {}
    attempt = 0
    while len(found) < AROUND:
        name = f"circle/{number}/{attempt}"
        found.setdefault(partition_of(key_of(TENANT, name), PARTITIONS), name)
        attempt += 1
    return list(found.values())
