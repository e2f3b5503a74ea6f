"""`python -m bench.reads`: all figures of the read side, as a table and as `build/bench/reads.json`."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bench.plan import Plan
from bench.reads import at, deadlock, fanout, latency, page, project
from bench.reads.figures import FIGURES
from bench.run import Benchmark, main

SECTIONS: dict[str, Callable[[Plan], Awaitable[dict[str, Any]]]] = {
    "project": project.measure,
    "project_single": project.measure_single,
    "latency": latency.measure,
    "deadlock": deadlock.measure,
    "page": page.measure,
    "fanout": fanout.measure,
    "at": at.measure,
}
"""Each starts a stack of its own."""


async def measure(plan: Plan, only: Sequence[str]) -> dict[str, Any]:
    """Run the sections named by `only`."""
    results: dict[str, Any] = {}
    for name, section in SECTIONS.items():
        if name in only:
            plan.say(f"{name}: starting a stack")
            results |= await section(plan)
    return results


READS = Benchmark("reads", "The read side, everything on one machine", tuple(SECTIONS), FIGURES, measure)

if __name__ == "__main__":
    sys.exit(main(READS))
