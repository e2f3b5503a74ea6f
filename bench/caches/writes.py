"""Strict writes of what others keep: when their lines are Invalid, and when the writer has its answer.

All clients are one process, each with a connection of its own, so one clock times both ends.
"""

import asyncio
import gc
from contextlib import AsyncExitStack
from functools import partial
from time import perf_counter
from typing import Any

from bench.plan import Plan
from bench.rounds import percentile
from bench.stack import BenchStack

SIZE = 200
ENTRY = "shared"


async def measure(stack: BenchStack, plan: Plan, sharers: int) -> dict[str, Any]:
    """Let `sharers` read an entry, write it, and so on; return the figures of all rounds."""
    name = f"strict{sharers}"
    async with AsyncExitStack() as opened:
        writer = await opened.enter_async_context(stack.connect())
        cache = writer.cache(name)
        await cache.create(mode="STRICT")
        told: list[float] = []
        kept = []
        for _ in range(sharers):
            client = await opened.enter_async_context(stack.connect())
            kept.append(client.cache(name, on_invalidated=partial(_note, told)))
        rounds = []
        for number in range(plan.rounds + 1):
            plan.say(f"strict writes, {sharers} sharers: " + (f"round {number}" if number else "warming up"))
            rounds.append(await _round(stack, plan, cache, kept, told))
        del rounds[0]
    figures: dict[str, Any] = {
        name: sorted(rounds, key=lambda each: each["write_p50_ms"])[(len(rounds) - 1) // 2]
    }
    for key, what in ((f"{name}_p50_ms", "write_p50_ms"), (f"{name}_invalid_p50_ms", "invalid_p50_ms")):
        values = [each[what] for each in rounds]
        figures |= {key: figures[name][what], f"{key}_spread": [min(values), max(values)]}
    return figures


async def _round(
    stack: BenchStack, plan: Plan, cache: Any, kept: list[Any], told: list[float]
) -> dict[str, Any]:
    meter, writes, lines = stack.meter(), list[float](), list[float]()
    gc.collect()
    meter.start()
    until = perf_counter() + plan.seconds
    while perf_counter() < until:
        await cache.put(ENTRY, bytes(SIZE), keep="INVALID")
        await asyncio.gather(*(each.get(ENTRY) for each in kept))
        told.clear()
        begun = perf_counter()
        await cache.put(ENTRY, bytes(SIZE), keep="INVALID")
        writes.append(perf_counter() - begun)
        if len(told) != len(kept):
            raise RuntimeError(f"{len(told)} of {len(kept)} lines were Invalid when the write was done")
        lines.append(max(told) - begun)
    cpu = meter.stop(len(writes) * (2 + 2 * len(kept)))
    return {
        "writes": len(writes),
        "write_p50_ms": _ms(writes, 0.5),
        "write_p99_ms": _ms(writes, 0.99),
        "invalid_p50_ms": _ms(lines, 0.5),
        "invalid_p99_ms": _ms(lines, 0.99),
        "cpu": cpu.as_json(),
    }


def _note(told: list[float], entry: str) -> None:  # noqa: ARG001
    told.append(perf_counter())


def _ms(seconds: list[float], share: float) -> float:
    return round(1000 * percentile(sorted(seconds), share), 3)
