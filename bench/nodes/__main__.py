"""`python -m bench.nodes`: all figures of nodes, as a table and as `build/bench/nodes.json`."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bench.nodes import detect, heartbeats, sweep
from bench.nodes.figures import FIGURES
from bench.plan import Plan
from bench.run import Benchmark, main
from bench.stack import BenchStack, bench_stack

SECTIONS: dict[str, Callable[[BenchStack, Plan], Awaitable[dict[str, Any]]]] = {
    "heartbeats": heartbeats.measure,
    "sweep": sweep.measure,
    "detect": detect.measure,
}
"""Each begins with empty topics and a new worker."""


async def measure(plan: Plan, only: Sequence[str]) -> dict[str, Any]:
    """Run the sections named by `only`."""
    results: dict[str, Any] = {"partitions": 1}
    plan.say("starting Kafka")
    async with bench_stack() as stack:
        for name, section in SECTIONS.items():
            if name in only:
                results |= await section(stack, plan)
    return results


NODES = Benchmark(
    "nodes", "Nodes, sessions and the sweeper, one partition a kind", tuple(SECTIONS), FIGURES, measure
)

if __name__ == "__main__":
    sys.exit(main(NODES))
