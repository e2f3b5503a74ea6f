"""A node that holds 10,000 locks is killed; how long from the verdict until all who wait for them are told."""

import asyncio
from time import time
from typing import Any

import tidelock
from bench import role
from bench.nodes.appended import appended
from bench.nodes.holder import TTL_MS
from bench.plan import Plan
from bench.rounds import median_of
from bench.stack import BenchStack
from streams.domain.locks.commands import EXCLUSIVE, AcquireLock, ReleaseLock
from streams.domain.locks.events import LockGranted
from streams.domain.locks.kind import LOCKS
from streams.domain.nodes.events import NodeDied
from streams.domain.nodes.kind import NODES
from streams.wire.messages import SessionEnded

PATIENCE_S = 120.0
WARM_UP_LOCKS = 1_000


async def measure(stack: BenchStack, plan: Plan) -> dict[str, Any]:
    """Kill one such node after the other."""
    await stack.fresh()
    async with stack.processes():
        plan.say("sweep: warming up")
        await _round(stack, "warm", WARM_UP_LOCKS)
        rounds = []
        for number in range(1, plan.rounds + 1):
            plan.say(f"sweep of {plan.swept_locks:,} locks: round {number} of {plan.rounds}")
            rounds.append(await _round(stack, f"round-{number}", plan.swept_locks))
    found: dict[str, Any] = {}
    for name in ("sweep_ms", "sweep_first_ms"):
        values = [each[name] for each in rounds]
        found |= {name: median_of(values, float), f"{name}_spread": [min(values), max(values)]}
    return {
        **found,
        "sweep": median_of(rounds, lambda each: each["sweep_ms"]),
        "swept_locks": plan.swept_locks,
    }


async def _round(stack: BenchStack, node: str, locks: int) -> dict[str, Any]:
    holder = await role.start("bench.nodes.holder", stack.workers[0].address, node, f"--locks={locks}")
    told: list[float] = []
    async with stack.connect() as client:
        waits = [asyncio.create_task(_wait(client, f"{node}/{n}", n, told)) for n in range(locks)]
        await _all_wait(client, node, locks)
        meter = stack.meter()
        holder.kill()
        await holder.wait()
        meter.start()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*waits)
        cpu = meter.stop(locks)
        died = dict(await appended(stack.kafka, NODES, NodeDied))[node]
        granted = [
            at for name, at in await appended(stack.kafka, LOCKS, LockGranted) if name.startswith(f"{node}/")
        ]
        ended = [at for _, at in await appended(stack.kafka, LOCKS, SessionEnded)][-1]
        await asyncio.gather(
            *[_release(client, f"{node}/{n}", n, wait.result()) for n, wait in enumerate(waits)]
        )
    onward = sorted(granted)[-locks:]
    return {
        "sweep_ms": _ms(max(told) - died),
        "sweep_first_ms": _ms(min(told) - died),
        "stages_ms": {
            "session ended": _ms(ended - died),
            "first granted": _ms(onward[0] - died),
            "last granted": _ms(onward[-1] - died),
        },
        "cpu": cpu.as_json(),
    }


async def _wait(client: tidelock.Client, name: str, number: int, told: list[float]) -> int:
    command = AcquireLock(name, EXCLUSIVE, TTL_MS, TTL_MS)
    held = await client.command("locks", command, handle=str(number), timeout=PATIENCE_S)
    told.append(time())
    token: int = held.token
    return token


async def _release(client: tidelock.Client, name: str, number: int, token: int) -> None:
    await client.command("locks", ReleaseLock(name, token), handle=str(number))


async def _all_wait(client: tidelock.Client, node: str, locks: int) -> None:
    """Wait until the last ones wait: they were sent in order, over one connection."""
    while not (await client.inspect(f"{node}/{locks - 1}")).waiter_count:
        await asyncio.sleep(0.05)


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)
