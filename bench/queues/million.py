"""A million messages in one queue: what the worker's process holds then, and how fast it takes more."""

import asyncio
from time import perf_counter
from typing import Any

import psutil  # type: ignore[import-untyped, unused-ignore]

from bench.plan import Plan
from bench.queues.role import stamped
from bench.stack import BenchStack

SIZE = 200
BATCH = 100
AT_ONCE = 4
MEASURED = 50_000


async def measure(stack: BenchStack, plan: Plan) -> dict[str, Any]:
    """Fill a queue; compare the rate at which its last messages come in with that of its first."""
    messages = plan.queued_messages
    plan.say(f"{messages:,} messages in one queue")
    await stack.fresh()
    process = psutil.Process(stack.workers[0].pid)
    async with stack.connect() as client:
        queue = client.queue("million")
        await queue.create(max_depth=2 * messages, max_bytes=1 << 30)
        await _put(queue, MEASURED)
        await queue.purge("READY")
        before = process.memory_info().rss
        empty = await _put(queue, MEASURED)
        await _put(queue, messages - 2 * MEASURED)
        full = await _put(queue, MEASURED)
        held = process.memory_info().rss
        depth = (await queue.stats()).messages
    if depth != messages:
        raise RuntimeError(f"{depth} messages are in the queue, not {messages}")
    return {
        "million_mib": round(held / 2**20, 1),
        "million_rate_ratio": round(full / empty, 3),
        "million": {
            "growth_mib": round((held - before) / 2**20, 1),
            "empty_messages_per_s": round(empty),
            "full_messages_per_s": round(full),
            "messages": messages,
        },
    }


async def _put(queue: Any, messages: int) -> float:
    """Put so many messages; return how many a second."""
    left = messages // BATCH
    begun = perf_counter()

    async def some() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await queue.put_many([stamped(SIZE) for _ in range(BATCH)])

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return messages / (perf_counter() - begun)
