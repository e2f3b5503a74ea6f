"""What all benchmarks share: the command line, the table on the terminal, the JSON file."""

import argparse
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from bench.machine import machine, versions
from bench.plan import Plan, full, quick
from bench.report import Figure, lines, markdown

CPU = "µs a command: worker/broker/client, others"
WIDTH = 170


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark: `python -m bench.NAME`."""

    name: str
    title: str
    sections: tuple[str, ...]
    figures: tuple[Figure, ...]
    measure: Callable[[Plan, Sequence[str]], Awaitable[dict[str, Any]]]
    """Runs the sections named, and returns what they gave."""

    @property
    def out(self) -> Path:
        """Where the results go."""
        return Path(f"build/bench/{self.name}.json")


def arguments(benchmark: Benchmark, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    program = f"python -m bench.{benchmark.name}"
    parser = argparse.ArgumentParser(
        prog=program, description=f"{benchmark.title}: measured, as a table and as JSON."
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each row (3)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a round (5)")
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it runs, no more")
    there = ",".join(benchmark.sections)
    parser.add_argument("--only", type=_sections(benchmark), default=benchmark.sections, help=f"of {there}")
    parser.add_argument("--markdown", action="store_true", help="print the table as markdown too")
    parser.add_argument(
        "--out", type=Path, default=benchmark.out, help=f"where the results go ({benchmark.out})"
    )
    return parser.parse_args(argv)


def main(benchmark: Benchmark, argv: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    asked = arguments(benchmark, argv)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    with console.status("starting") as status:
        say = status.update if console.is_terminal else console.print
        plan = quick(say) if asked.quick else full(asked.rounds, asked.seconds, say)
        results = uvloop.run(_measured(benchmark, plan, asked.only))
    console.print(_table(benchmark, results))
    if asked.markdown:
        sys.stdout.write(markdown(benchmark.figures, results))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(results, indent=2) + "\n")
    console.print(f"written to {asked.out}")
    return 0


async def _measured(benchmark: Benchmark, plan: Plan, only: Sequence[str]) -> dict[str, Any]:
    conditions = {
        "machine": machine(), "versions": versions(), "durability": "page-cache",
        "rounds": plan.rounds, "seconds_a_round": plan.seconds,
    }  # fmt: skip
    return {**conditions, **await benchmark.measure(plan, only)}


def _table(benchmark: Benchmark, results: dict[str, Any]) -> Table:
    shown = Table(title=benchmark.title)
    for column in ("figure", "measured", "rounds", "reach", "", CPU):
        shown.add_column(column, justify="left" if column == "figure" else "right", no_wrap=True)
    mark = {True: "[green]reached[/]", False: "[red]missed[/]", None: ""}
    for line in lines(benchmark.figures, results):
        shown.add_row(line.name, line.value, line.spread, line.reach, mark[line.reached], line.cpu)
    return shown


def _sections(benchmark: Benchmark) -> Callable[[str], tuple[str, ...]]:
    def sections(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        unknown = [name for name in names if name not in benchmark.sections]
        if unknown:
            there = ", ".join(benchmark.sections)
            raise argparse.ArgumentTypeError(f"no section {', '.join(unknown)}; there are {there}")
        return names

    return sections
