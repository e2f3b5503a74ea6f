"""A thousand nodes that send a heartbeat a second each: what that costs the worker, and how much is logged."""

import asyncio
from time import perf_counter
from typing import Any

from bench import role
from bench.plan import Plan
from bench.rounds import median_of
from bench.stack import BenchStack
from streams.log.positions import PartitionId

NODES = 1000
WHERE = PartitionId("nodes", 0)


async def measure(stack: BenchStack, plan: Plan) -> dict[str, Any]:
    """Measure rounds of nothing but heartbeats."""
    await stack.fresh()
    plan.say(f"{NODES:,} nodes register")
    beats = stack.home / "heartbeats"
    crowd = await role.start(
        "bench.nodes.crowd", stack.workers[0].address, "crowd", f"--nodes={NODES}", f"--beats={beats}"
    )
    try:
        plan.say("heartbeats: warming up")
        await asyncio.sleep(plan.warm_up_s)
        rounds = []
        for number in range(1, plan.rounds + 1):
            plan.say(f"heartbeats: round {number} of {plan.rounds}")
            rounds.append(await _round(stack, plan.seconds, crowd.pid))
    finally:
        crowd.kill()
        await crowd.wait()
    middle = median_of(rounds, lambda each: each["cpu_fraction"])
    found: dict[str, Any] = {}
    for name in ("cpu_fraction", "log_bytes_per_s"):
        values = [each[name] for each in rounds]
        found |= {name: middle[name], f"{name}_spread": [min(values), max(values)]}
    return {**found, "heartbeats": middle}


async def _round(stack: BenchStack, seconds: float, client: int) -> dict[str, Any]:
    meter, size, begun = stack.meter(client=client), stack.log_bytes(WHERE), perf_counter()
    meter.start()
    await asyncio.sleep(seconds)
    cpu = meter.stop(max(1, round(NODES * seconds))).as_json()
    took_s = perf_counter() - begun
    return {
        "cpu_fraction": round(cpu["worker_us_per_command"] * NODES * seconds / took_s / 1e6, 4),
        "log_bytes_per_s": round((stack.log_bytes(WHERE) - size) / took_s),
        "cpu": cpu,
    }
