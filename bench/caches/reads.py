"""Reads of one client: of what it keeps, and of what it does not keep."""

import gc
from collections.abc import Iterable
from itertools import cycle
from time import perf_counter
from typing import Any

from bench.plan import Plan
from bench.rounds import Tally, run_row
from bench.stack import BenchStack
from tidelock import Cache

SIZE = 200
KEPT = 1_000
MISSING = 50_000
HITS = 200_000


async def measure_hits(stack: BenchStack, plan: Plan) -> dict[str, Any]:
    """Time `await cache.get(entry)`, and `cache.hit(entry)`, over entries that are kept here."""
    async with stack.connect() as client:
        cache = client.cache("hits")
        await cache.create()
        names = [f"entry/{number}" for number in range(KEPT)]
        await cache.warm((name, bytes(SIZE)) for name in names)
        await cache.get_many(names)
        gets, hits = list[float](), list[float]()
        for number in range(1, plan.rounds + 1):
            plan.say(f"hits: round {number} of {plan.rounds}")
            gets.append(await _gets(cache, names))
            hits.append(_hits(cache, names))
        if cache.local.misses != KEPT:
            raise RuntimeError(f"{cache.local.misses - KEPT} reads were no hits")
    return {
        "hit_us": _middle(gets), "hit_us_spread": [min(gets), max(gets)],
        "hit": {"without_await_us": _middle(hits), "without_await_us_spread": [min(hits), max(hits)]},
    }  # fmt: skip


async def measure_misses(stack: BenchStack, plan: Plan) -> dict[str, Any]:
    """Time reads of entries that nobody keeps, one after the other."""
    async with stack.connect() as filling, stack.connect() as client:
        full = filling.cache("misses")
        await full.create(max_entries=2 * MISSING)
        plan.say(f"misses: {MISSING:,} entries")
        await full.warm((f"entry/{number}", bytes(SIZE)) for number in range(MISSING))
        cache = client.cache("misses", max_entries=KEPT)
        entries = cycle(f"entry/{number}" for number in range(MISSING))

        async def read(tally: Tally) -> None:
            going = True
            while going:
                begun = perf_counter()
                await cache.get(next(entries))
                going = tally.done(begun)

        row = await run_row([read], plan, stack.meter(), "misses", commands=1)
        if cache.local.hits:
            raise RuntimeError(f"{cache.local.hits} reads were hits")
    return {"miss_p50_ms": row["p50_ms"], "miss_p50_ms_spread": row["p50_ms_spread"], "miss": row}


async def _gets(cache: Cache[bytes], names: Iterable[str]) -> float:
    """Return the microseconds that one takes."""
    entries = [name for name, _ in zip(cycle(names), range(HITS), strict=False)]
    gc.collect()
    begun = perf_counter()
    for entry in entries:
        await cache.get(entry)
    return _us(begun)


def _hits(cache: Cache[bytes], names: Iterable[str]) -> float:
    entries = [name for name, _ in zip(cycle(names), range(HITS), strict=False)]
    gc.collect()
    begun = perf_counter()
    for entry in entries:
        cache.hit(entry)
    return _us(begun)


def _us(begun: float) -> float:
    return round(1e6 * (perf_counter() - begun) / HITS, 3)


def _middle(values: list[float]) -> float:
    return sorted(values)[(len(values) - 1) // 2]
