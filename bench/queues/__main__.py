"""`python -m bench.queues`: all figures of queues, as a table and as `build/bench/queues.json`."""

import sys
from collections.abc import Sequence
from typing import Any

from bench.plan import Plan
from bench.queues import flow, million, resize
from bench.queues.figures import FIGURES
from bench.run import Benchmark, main
from bench.stack import bench_stack

FLOWS = {one.name: one for one in flow.FLOWS}
SECTIONS = (*FLOWS, "resize", "million")


async def measure(plan: Plan, only: Sequence[str]) -> dict[str, Any]:
    """Run the sections named by `only`."""
    results: dict[str, Any] = {"partitions": 1}
    plan.say("starting Kafka")
    async with bench_stack() as stack:
        await stack.fresh()
        plan.say("warming up the broker")
        await flow.warm_up(stack, plan)
        for name, one in FLOWS.items():
            if name in only:
                results |= await flow.measure(stack, plan, one)
        if "resize" in only:
            results |= await resize.measure(stack, plan)
        if "million" in only:
            results |= await million.measure(stack, plan)
    return results


QUEUES = Benchmark("queues", "Queues of 200-byte messages, one partition", SECTIONS, FIGURES, measure)

if __name__ == "__main__":
    sys.exit(main(QUEUES))
