"""`python -m bench.windows`: all figures of windows, as a table and as `build/bench/windows.json`."""

import sys
from collections.abc import Sequence
from typing import Any

from bench.plan import Plan
from bench.run import Benchmark, main
from bench.windows import core, influx, panels, project, promote, tables
from bench.windows.figures import FIGURES
from tidelock.local.parts.influx import find_binary

SECTIONS = ("core", "project", "tables", "influx", "promote", "panels")
_OF_INFLUX = frozenset({"influx", "panels"})


async def measure(plan: Plan, only: Sequence[str]) -> dict[str, Any]:
    """Run the sections named by `only`; see first that there is what they need."""
    if _OF_INFLUX & set(only) and find_binary() is None:
        others = ",".join(name for name in only if name not in _OF_INFLUX) or "core"
        sys.exit(
            f"no influxd on PATH: set INFLUXD to the program, or leave its sections out: --only {others}"
        )
    results: dict[str, Any] = {}
    if "core" in only:
        results |= core.measure(plan)
    if "project" in only:
        results |= await project.measure(plan)
    if "tables" in only:
        results |= await tables.measure(plan)
    if "influx" in only:
        results |= await influx.measure(plan)
    if "promote" in only:
        results |= await promote.measure(plan)
    if "panels" in only:
        results |= await panels.measure(plan)
    return results


WINDOWS = Benchmark("windows", "Windows of event time", SECTIONS, FIGURES, measure)

if __name__ == "__main__":
    sys.exit(main(WINDOWS))
