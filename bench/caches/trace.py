"""A trace of block I/O over four nodes, strict: what their lines answered, and whether a read was stale."""

import os
from pathlib import Path
from typing import Any

from bench.plan import Plan
from bench.stack import TOKEN, BenchStack
from tidelock.cli.discovery import Running
from tidelock.cli.workload_cache import cache_facts, run_cache
from tidelock.workload.cache_plan import CachePlan
from tidelock.workload.trace import read_ios

SHARED = Path(os.environ.get("TIDELOCK_SHARED", "."), "data", "cloudPhysicsIO.csv")
TRACE = Path(os.environ.get("TIDELOCK_TRACE", SHARED))
WANTED = (
    "requests",
    "reads",
    "writes",
    "requests_per_s",
    "lines",
    "percentiles_ms",
    "errors",
    "proof",
    "plan",
)


async def measure(stack: BenchStack, plan: Plan) -> dict[str, Any]:
    """Run the trace once; nothing where there is no trace. Raises `RuntimeError` if its proof fails."""
    if not TRACE.is_file():
        plan.say(f"trace: skipped, no {TRACE}: name one in TIDELOCK_TRACE")
        return {}
    plan.say(f"trace: {plan.traced_ios:,} requests over 4 nodes")
    await stack.fresh()
    running = Running(stack.kafka, (stack.workers[0].address,), TOKEN, (), None)
    facts = cache_facts(
        await run_cache(running, read_ios(TRACE, plan.traced_ios), CachePlan(nodes=4, shards=1), quiet=True)
    )
    if not facts["ok"]:
        raise RuntimeError(f"the trace's proof fails: {facts['proof']}")
    return {
        "trace_hit_rate": facts["hit_rate"],
        "stale_reads": facts["stale_reads"],
        "trace": {name: facts[name] for name in WANTED},
    }
