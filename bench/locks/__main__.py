"""`python -m bench.locks`: all figures of the lock kind, as a table and as `build/bench/locks.json`."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bench.locks import contended, direct, hostile, memory, replay, takeover, topic
from bench.locks.figures import FIGURES
from bench.plan import Plan
from bench.run import Benchmark, main
from bench.stack import BenchStack, bench_stack

ON_A_STACK: dict[str, Callable[[BenchStack, Plan], Awaitable[dict[str, Any]]]] = {
    "direct": direct.measure,
    "replay": replay.measure,
    "one_connection": direct.measure_one_connection,
    "topic": topic.measure,
    "contended": contended.measure,
    "fsync": direct.measure_fsync,
    "takeover": takeover.measure,
}
"""In this order: replay reads the log that the row before it wrote."""

ALONE: dict[str, Callable[[Plan], Awaitable[dict[str, Any]]]] = {
    "memory": memory.measure,
    "hostile": hostile.measure,
}
SECTIONS = (*ON_A_STACK, *ALONE)


async def measure(plan: Plan, only: Sequence[str]) -> dict[str, Any]:
    """Run the sections named by `only`."""
    results: dict[str, Any] = {"partitions": 1}
    if any(name in only for name in ON_A_STACK):
        plan.say("starting Kafka")
        async with bench_stack() as stack:
            await direct.warm_up(stack, plan)
            for name, section in ON_A_STACK.items():
                if name in only:
                    results |= await section(stack, plan)
    for name, alone in ALONE.items():
        if name in only:
            results |= await alone(plan)
    return results


LOCKS = Benchmark("locks", "Locks, one partition, everything on one machine", SECTIONS, FIGURES, measure)

if __name__ == "__main__":
    sys.exit(main(LOCKS))
