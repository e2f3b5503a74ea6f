"""2,000 subscribers of one API process, 2,000 pushes a second in all: how late they come, what a subscriber costs."""

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped, unused-ignore]

from bench.plan import Plan
from bench.reads.stack import client_of, pid_of, read_stack
from bench.reads.watching import steady, subscribe, take
from bench.rounds import percentile
from tidelock.local.parts.process import ProcessPart
from tidelock.local.stack import LocalStack

SUBSCRIBERS = 2000
NAMES = [f"fan/{n}" for n in range(100)]
"""Each lock has as many subscribers as any other."""
PUSHES_PER_S = 2000
PUSHES_A_PAIR = 2 * SUBSCRIBERS / len(NAMES)
AT_ONCE = 50
GAUGE = "tidelock_api_subscriptions"
QUERY = "subscription ($name: String!) { it: lockEvents(name: $name) { cursor name position time } }"


async def measure(plan: Plan) -> dict[str, Any]:
    """Measure all rounds on one set of subscribers."""
    rounds: list[list[float]] = []
    async with read_stack(apis=1) as stack, client_of(stack) as client, AsyncExitStack() as closing:
        api = psutil.Process(pid_of(stack, "api-0"))
        came: list[float] = []

        def taken(item: dict[str, Any], now: float) -> None:
            came.append(1000 * (now - datetime.fromisoformat(item["time"]).timestamp()))

        await steady(client, NAMES, 50, 2.0)
        plan.say(f"fan-out: {SUBSCRIBERS:,} subscribers come")
        before = api.memory_info().rss
        await _subscribe_all(stack.addresses.apis[0], closing, taken)
        await _until_all_watch(stack)
        for number in range(1, plan.rounds + 1):
            plan.say(f"fan-out: round {number} of {plan.rounds}")
            came.clear()
            pairs = await steady(client, NAMES, PUSHES_PER_S / PUSHES_A_PAIR, plan.seconds)
            async with asyncio.timeout(60):
                while len(came) < pairs * PUSHES_A_PAIR:
                    await asyncio.sleep(0.05)
            rounds.append(sorted(came))
        kib = (api.memory_info().rss - before) / 1024 / SUBSCRIBERS
    p95s = sorted(percentile(each, 0.95) for each in rounds)
    return {
        "fanout_p95_ms": round(percentile(p95s, 0.5), 1),
        "fanout_p95_ms_spread": [round(p95s[0], 1), round(p95s[-1], 1)],
        "fanout_p50_ms": round(percentile(sorted(percentile(each, 0.5) for each in rounds), 0.5), 1),
        "kib_per_subscriber": round(kib, 1),
    }


async def _subscribe_all(address: str, closing: AsyncExitStack, taken: Any) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            connection = await subscribe(address, QUERY, {"name": NAMES[number % len(NAMES)]})
        closing.push_async_callback(connection.close)
        closing.callback(asyncio.create_task(take(connection, taken)).cancel)

    await asyncio.gather(*(one(number) for number in range(SUBSCRIBERS)))


async def _until_all_watch(stack: LocalStack) -> None:
    part = stack.part("api-0").part
    assert isinstance(part, ProcessPart)
    async with httpx.AsyncClient(trust_env=False) as asking, asyncio.timeout(60):
        while (
            f"{GAUGE} {SUBSCRIBERS:.1f}"
            not in (await asking.get(f"http://{part.status_address}/metrics")).text
        ):
            await asyncio.sleep(0.1)
