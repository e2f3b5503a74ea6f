"""How many groups change their shard when a queue gets one more, against the share that the new shard is due."""

import asyncio
from time import perf_counter
from typing import Any

from bench.plan import Plan
from bench.queues.role import stamped
from bench.stack import BenchStack

SIZE = 200
GROUPS = 10_000
SHARDS = 4
BATCH = 500
TAKERS = 4


async def measure(stack: BenchStack, plan: Plan) -> dict[str, Any]:
    """Resize a queue that holds one message of each group while it is drained; then put one of each again."""
    plan.say(f"from {SHARDS} to {SHARDS + 1} shards, {GROUPS:,} groups")
    async with stack.connect() as client:
        queue = client.queue("resize")
        await queue.create(shards=SHARDS, dedup_window=0)
        before = await _placed(queue)
        async with asyncio.TaskGroup() as tasks:
            takers = [tasks.create_task(_take(queue)) for _ in range(TAKERS)]
            begun = perf_counter()
            await queue.resize(SHARDS + 1)
            took_s = perf_counter() - begun
            for each in takers:
                each.cancel()
        after = await _placed(queue)
    moved = [now for was, now in zip(before, after, strict=True) if was != now]
    return {
        "resize_excess": round(len(moved) * (SHARDS + 1) / GROUPS, 3),
        "resize": {
            "groups": GROUPS, "shards": SHARDS, "moved": len(moved), "took_s": round(took_s, 2),
            "moved_between_old_shards": sum(shard != SHARDS for shard in moved),
        },
    }  # fmt: skip


async def _placed(queue: Any) -> list[int]:
    """Put a message of each group; return which shards took them."""
    placed: list[int] = []
    for first in range(0, GROUPS, BATCH):
        batch = [(stamped(SIZE), {"group": f"group/{n}"}) for n in range(first, first + BATCH)]
        placed += [each.id.shard for each in await queue.put_each(batch)]
    return placed


async def _take(queue: Any) -> None:
    while True:
        messages = await queue.receive(100, wait=60)
        if messages:
            await queue.ack(*messages)
