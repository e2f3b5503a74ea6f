"""Replay histories, or hunt the planted bugs.

python -m tests.simulation SEED... [--trace] [--mutant NAME]
python -m tests.simulation --mutants [HISTORIES]
"""

import argparse
import sys
from contextlib import nullcontext

from tests.simulation.history import Result, run
from tests.simulation.mutants import ALL, Mutant


def main(arguments: list[str]) -> int:
    """Run what is asked; 1 when a history broke a promise, or a planted bug was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("seeds", nargs="*", type=int)
    parser.add_argument("--trace", action="store_true", help="print every event of the history")
    parser.add_argument("--mutant", choices=[mutant.name for mutant in ALL], help="plant this bug")
    parser.add_argument("--mutants", nargs="?", type=int, const=20_000, help="hunt every planted bug")
    options = parser.parse_args(arguments)
    if options.mutants:
        return max(_hunt(mutant, options.mutants) for mutant in ALL)
    planted = next((mutant.planted() for mutant in ALL if mutant.name == options.mutant), nullcontext())
    with planted:
        return max((_show(run(seed, trace=options.trace)) for seed in options.seeds), default=0)


def _show(result: Result) -> int:
    for line in [*result.trace, result.faults]:
        if line:
            print(line)
    print(
        f"seed {result.seed}: {result.decisions} decisions, {result.answers} answers, {result.steps} steps, "
        f"{result.seconds:.1f} s simulated, trace {result.trace_hash[:16]}"
    )
    for violation in result.violations:
        print("VIOLATION", violation)
    return int(bool(result.violations))


def _hunt(mutant: Mutant, histories: int) -> int:
    with mutant.planted():
        found = next((seed for seed in range(histories) if run(seed).violations), None)
    print(f"{mutant.name:32} {'NOT FOUND' if found is None else found}", flush=True)
    return int(found is None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
