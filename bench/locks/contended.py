"""One lock that 32 clients want all the time: they wait in line, and each grant goes to the next."""

import asyncio
from contextlib import AsyncExitStack
from time import perf_counter
from typing import Any

from bench.cpu import CpuUse
from bench.locks.direct import open_clients
from bench.plan import Plan
from bench.rounds import median_of
from bench.stack import BenchStack
from tidelock import Locks

CLIENTS = 32
LOCK = "bench/contended"
WAIT_S = 60.0


async def measure(stack: BenchStack, plan: Plan) -> dict[str, Any]:
    """Measure grants a second, and how evenly they fall."""
    await stack.fresh()
    async with AsyncExitStack() as closing:
        every = [each.locks for each in await open_clients(stack, CLIENTS, closing)]
        plan.say("one lock, 32 clients: warming up")
        await _round(every, plan.row_warm_up_s)
        rounds: list[list[int]] = []
        cpu: list[CpuUse] = []
        meter = stack.meter()
        for number in range(1, plan.rounds + 1):
            plan.say(f"one lock, 32 clients: round {number} of {plan.rounds}")
            meter.start()
            rounds.append(await _round(every, plan.seconds))
            cpu.append(meter.stop(2 * sum(rounds[-1])))
    middle = cpu[rounds.index(median_of(rounds, sum))]
    return {"contended_32": {**summary(rounds, plan.seconds), "cpu": middle.as_json()}}


def summary(rounds: list[list[int]], seconds: float) -> dict[str, Any]:
    """Return the median round of grants by client; `worst_difference` is over all rounds."""
    rates = [sum(grants) / seconds for grants in rounds]
    grants: list[int] = median_of(rounds, sum)
    return {
        "grants_per_s": round(sum(grants) / seconds, 1),
        "min_grants": min(grants),
        "max_grants": max(grants),
        "worst_difference": max(max(each) - min(each) for each in rounds),
        "grants_per_s_spread": [round(min(rates), 1), round(max(rates), 1)],
    }


async def _round(every: list[Locks], seconds: float) -> list[int]:
    until = perf_counter() + seconds
    return await asyncio.gather(*(_grants(locks, until) for locks in every))


async def _grants(locks: Locks, until: float) -> int:
    grants = 0
    while True:
        lease = await locks.acquire(LOCK, wait=WAIT_S)
        in_time = perf_counter() <= until
        await locks.release(lease)
        if not in_time:
            return grants
        grants += 1
