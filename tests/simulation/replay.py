"""The command line of every simulation: replay histories, run many of them, or hunt the planted bugs."""

import argparse
from collections.abc import Sequence
from contextlib import nullcontext

from tests.simulation.hunting import History, Run
from tests.simulation.mutants.mutant import Mutant


def replay(program: str, run: Run[History], mutants: Sequence[Mutant], arguments: list[str]) -> int:
    """Run what is asked; 1 when a history broke a promise, or a planted bug was not found."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    parser.add_argument("seeds", nargs="*", type=int)
    parser.add_argument("--trace", action="store_true", help="print every event of the history")
    parser.add_argument("--mutant", choices=[mutant.name for mutant in mutants], help="plant this bug")
    parser.add_argument("--mutants", nargs="?", type=int, const=20_000, help="hunt every planted bug")
    parser.add_argument(
        "--histories", type=int, help="run so many histories, from the first seed that is given"
    )
    options = parser.parse_args(arguments)
    if options.histories:
        return _count(run, options.seeds[0] if options.seeds else 0, options.histories)
    if options.mutants:
        return max(_hunt(mutant, run, options.mutants) for mutant in mutants)
    planted = next((mutant.planted() for mutant in mutants if mutant.name == options.mutant), nullcontext())
    with planted:
        return max((_show(run(seed, trace=options.trace)) for seed in options.seeds), default=0)


def _count(run: Run[History], first: int, histories: int) -> int:
    broken = 0
    for seed in range(first, first + histories):
        result = run(seed)
        if result.violations:
            broken += _show(result)
        if (done := seed - first + 1) % 100 == 0 or done == histories:
            print(f"{done} histories, {broken} of them broke a promise", flush=True)
    return int(broken > 0)


def _show(result: History) -> int:
    for line in result.trace:
        print(line)
    print(f"seed {result.seed}: {result.summary}, trace {result.trace_hash[:16]}")
    for violation in result.violations:
        print("VIOLATION", violation)
    return int(bool(result.violations))


def _hunt(mutant: Mutant, run: Run[History], histories: int) -> int:
    with mutant.planted():
        found = next((seed for seed in range(histories) if run(seed).violations), None)
    print(f"{mutant.name:32} {'NOT FOUND' if found is None else found}", flush=True)
    return int(found is None)
