"""Replay histories of queues: python -m tests.simulation.queues SEED... [--trace] [--mutant NAME]."""

import argparse
import sys
from contextlib import nullcontext

from tests.simulation.history import Result
from tests.simulation.queues.history import run
from tests.simulation.queues.mutants import MUTANTS


def main(arguments: list[str]) -> int:
    """Run what is asked; 1 when a history broke a promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.queues")
    parser.add_argument("seeds", nargs="+", type=int)
    parser.add_argument("--trace", action="store_true", help="print every event of the history")
    parser.add_argument("--mutant", choices=[mutant.name for mutant in MUTANTS], help="plant this bug")
    options = parser.parse_args(arguments)
    planted = next((mutant.planted() for mutant in MUTANTS if mutant.name == options.mutant), nullcontext())
    with planted:
        return max(_show(run(seed, trace=options.trace)) for seed in options.seeds)


def _show(result: Result) -> int:
    for line in result.trace:
        print(line)
    print(
        f"seed {result.seed}: {result.decisions} decisions, {result.answers} answers, {result.steps} steps, "
        f"trace {result.trace_hash[:16]}"
    )
    for violation in result.violations:
        print("VIOLATION", violation)
    return int(bool(result.violations))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
