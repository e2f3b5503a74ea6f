"""`python -m bench.caches`: all figures of caches, as a table and as `build/bench/caches.json`."""

import sys
from collections.abc import Sequence
from typing import Any

from bench.caches import reads, trace, writes
from bench.caches.figures import FIGURES
from bench.plan import Plan
from bench.run import Benchmark, main
from bench.stack import bench_stack

SECTIONS = ("hits", "misses", "strict1", "strict16", "trace")


async def measure(plan: Plan, only: Sequence[str]) -> dict[str, Any]:
    """Run the sections named by `only`."""
    results: dict[str, Any] = {"partitions": 1}
    plan.say("starting Kafka")
    async with bench_stack() as stack:
        await stack.fresh()
        if "hits" in only:
            results |= await reads.measure_hits(stack, plan)
        if "misses" in only:
            results |= await reads.measure_misses(stack, plan)
        for sharers in (1, 16):
            if f"strict{sharers}" in only:
                results |= await writes.measure(stack, plan, sharers)
        if "trace" in only:
            results |= await trace.measure(stack, plan)
    results |= {
        f"invalidate_p50_ms{end}": results[f"strict1_invalid_p50_ms{end}"]
        for end in ("", "_spread")
        if "strict1" in only
    }
    return results


CACHES = Benchmark("caches", "Caches of 200-byte values, one partition", SECTIONS, FIGURES, measure)

if __name__ == "__main__":
    sys.exit(main(CACHES))
