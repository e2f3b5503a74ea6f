"""`python -m bench.locks`: all figures of the lock kind, as a table and as `build/bench/locks.json`."""

import argparse
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from bench import contended, direct, hostile, memory, replay, takeover, topic
from bench.machine import machine, versions
from bench.plan import Plan, full, quick
from bench.report import lines, markdown
from bench.stack import BenchStack, bench_stack

CPU = "µs a command: worker/broker/client, others"
WIDTH = 170
OUT = Path("build/bench/locks.json")

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
    results: dict[str, Any] = {
        "machine": machine(),
        "versions": versions(),
        "durability": "page-cache",
        "partitions": 1,
        "rounds": plan.rounds,
        "seconds_a_round": plan.seconds,
    }
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


def table(results: dict[str, Any]) -> Table:
    """Return the results for a terminal."""
    shown = Table(title="Locks, one partition, everything on one machine")
    for column in ("figure", "measured", "rounds", "reach", "", CPU):
        shown.add_column(column, justify="left" if column == "figure" else "right", no_wrap=True)
    mark = {True: "[green]reached[/]", False: "[red]missed[/]", None: ""}
    for line in lines(results):
        shown.add_row(line.name, line.value, line.spread, line.reach, mark[line.reached], line.cpu)
    return shown


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.locks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each row (3)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a round (5)")
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it runs, no more")
    parser.add_argument("--only", type=_sections, default=SECTIONS, help=f"of {','.join(SECTIONS)}")
    parser.add_argument("--markdown", action="store_true", help="print the table as markdown too")
    parser.add_argument("--out", type=Path, default=OUT, help=f"where the results go ({OUT})")
    return parser.parse_args(argv)


def _sections(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    return names


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    asked = arguments(argv)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    with console.status("starting") as status:
        say = _tell(console, status.update)
        plan = quick(say) if asked.quick else full(asked.rounds, asked.seconds, say)
        results = uvloop.run(measure(plan, asked.only))
    console.print(table(results))
    if asked.markdown:
        sys.stdout.write(markdown(results))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(results, indent=2) + "\n")
    console.print(f"written to {asked.out}")
    return 0


def _tell(console: Console, update: Callable[[str], None]) -> Callable[[str], None]:
    """Return what shows progress: in place on a terminal, line by line elsewhere."""
    return update if console.is_terminal else console.print


if __name__ == "__main__":
    sys.exit(main())
