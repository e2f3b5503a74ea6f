"""The direct lane: clients that acquire and release a lock of their own, again and again."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from time import perf_counter
from typing import Any

from bench.plan import CLIENTS, Plan
from bench.rounds import Repeat, Tally, run_round, run_row
from bench.stack import BenchStack
from tidelock import Client, Locks


def pairs(locks: Locks, name: str) -> Repeat:
    """Return one client that takes and gives back the lock `name`."""

    async def repeat(tally: Tally) -> None:
        going = True
        while going:
            begun = perf_counter()
            await locks.release(await locks.acquire(name, wait=0))
            going = tally.done(begun)

    return repeat


async def open_clients(stack: BenchStack, count: int, closing: AsyncExitStack) -> Sequence[Client]:
    """Return `count` connected clients, each with a connection and an id of its own."""
    return [await closing.enter_async_context(stack.connect()) for _ in range(count)]


async def warm_up(stack: BenchStack, plan: Plan) -> None:
    """Load the new broker until its compiler has seen the hot paths."""
    await stack.fresh()
    plan.say("warming the broker up")
    async with AsyncExitStack() as closing:
        clients = await open_clients(stack, 32, closing)
        await run_round(
            [pairs(each.locks, f"warm-up/{n}") for n, each in enumerate(clients)],
            plan.warm_up_s,
            stack.meter(),
        )


async def measure_row(stack: BenchStack, plan: Plan, count: int, what: str) -> dict[str, Any]:
    """Measure `count` clients over as many connections."""
    async with AsyncExitStack() as closing:
        clients = await open_clients(stack, count, closing)
        load = [pairs(each.locks, f"bench/{n}") for n, each in enumerate(clients)]
        row = await run_row(load, plan, stack.meter(), f"{what}, {count} clients")
    return {**row, "connections": count}


async def measure(stack: BenchStack, plan: Plan) -> dict[str, Any]:
    """Measure 1, 32 and 256 clients; the last on an empty log, which replay reads."""
    return {"direct": await _rows(stack, plan, "page-cache", "direct")}


async def measure_fsync(stack: BenchStack, plan: Plan) -> dict[str, Any]:
    """Measure the same with every append flushed to disk."""
    return {"direct_fsync": await _rows(stack, plan, "fsync", "direct, fsync")}


async def measure_one_connection(stack: BenchStack, plan: Plan) -> dict[str, Any]:
    """Measure 256 handles of one client, which share its connection and its id."""
    await stack.fresh()
    count = CLIENTS[-1]
    async with stack.connect() as client:
        load = [pairs(client.locks, f"bench/{n}") for n in range(count)]
        row = await run_row(load, plan, stack.meter(), f"direct, {count} handles, one connection")
    return {"direct_one_connection": {str(count): {**row, "connections": 1}}}


async def _rows(stack: BenchStack, plan: Plan, durability: str, what: str) -> dict[str, Any]:
    rows = {}
    await stack.fresh(durability)
    for count in CLIENTS:
        if count == CLIENTS[-1]:
            await stack.fresh(durability)
        rows[str(count)] = await measure_row(stack, plan, count, what)
    return rows
