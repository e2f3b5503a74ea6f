"""From the last heartbeat that a node sent before it was killed to its death in the log, at a timeout of 5 s."""

import asyncio
from typing import Any

from bench import role
from bench.nodes.appended import appended
from bench.nodes.beats import last_beats
from bench.plan import Plan
from bench.rounds import percentile
from bench.stack import BenchStack
from streams.domain.nodes.events import NodeDied
from streams.domain.nodes.kind import NODES

A_ROUND = 200
LATEST_S = 30.0


async def measure(stack: BenchStack, plan: Plan) -> dict[str, Any]:
    """Kill all nodes of a process at once, round by round."""
    await stack.fresh()
    silent_ms: list[float] = []
    for number in range(1, plan.rounds + 1):
        plan.say(f"detect: {A_ROUND} nodes are killed, round {number} of {plan.rounds}")
        silent_ms += await _round(stack, f"killed-{number}")
    ordered = sorted(silent_ms)
    return {
        "detect_p50_ms": round(percentile(ordered, 0.5), 1),
        "detect_p99_ms": round(percentile(ordered, 0.99), 1),
        "detect_spread": [round(ordered[0], 1), round(ordered[-1], 1)],
        "deaths": len(ordered),
    }


async def _round(stack: BenchStack, prefix: str) -> list[float]:
    beats = stack.home / prefix
    crowd = await role.start(
        "bench.nodes.crowd", stack.workers[0].address, prefix, f"--nodes={A_ROUND}", f"--beats={beats}"
    )
    async with asyncio.timeout(LATEST_S):
        while not all(last_beats(beats)):
            await asyncio.sleep(0.05)
    crowd.kill()
    await crowd.wait()
    sent = last_beats(beats)
    died: dict[str, float] = {}
    async with asyncio.timeout(LATEST_S):
        while len(died) < A_ROUND:
            await asyncio.sleep(0.5)
            found = await appended(stack.kafka, NODES, NodeDied)
            died = {name: at for name, at in found if name.startswith(f"{prefix}-")}
    return [1000 * (died[f"{prefix}-{number}"] - sent[number]) for number in range(A_ROUND)]
