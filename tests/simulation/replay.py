"""The command line of every simulation: replay histories, run many of them, or hunt the planted bugs."""

import argparse
from collections.abc import Sequence
from contextlib import closing, nullcontext

from tests.simulation.hunting import History, Run
from tests.simulation.mutants.mutant import Mutant
from tests.simulation.pool import cores, in_order
from tidelock.cli.topics import bar

STEP = 100
"""After so many histories it is told how they went, where no bar is shown."""


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
    parser.add_argument(
        "--jobs", type=int, default=cores(), help="processes that run them (default: one a core)"
    )
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error(f"--jobs is {options.jobs}: give at least 1")
    if options.mutants:
        return max(_hunt(mutant, run, options.mutants, options.jobs) for mutant in mutants)
    planted = next((mutant.planted() for mutant in mutants if mutant.name == options.mutant), nullcontext())
    with planted:
        if options.histories:
            first = options.seeds[0] if options.seeds else 0
            alone = f"python -m {program} {{}} --trace"
            if options.mutant:
                alone += f" --mutant '{options.mutant}'"
            return _count(run, range(first, first + options.histories), options.jobs, alone)
        return max((_show(run(seed, trace=options.trace)) for seed in options.seeds), default=0)


def _count(run: Run[History], seeds: range, jobs: int, alone: str) -> int:
    """Run many. `alone`: the command that replays one of them."""
    broken = 0
    with bar(quiet=False) as progress, closing(in_order(run, seeds, jobs)) as results:
        task = progress.add_task("histories", total=len(seeds))
        for done, result in enumerate(results, 1):
            if result.violations:
                broken += _show(result)
                print("REPLAY", alone.format(result.seed), flush=True)
            progress.advance(task)
            if done == len(seeds) or (progress.disable and done % STEP == 0):
                print(f"{done} histories, {broken} of them broke a promise", flush=True)
    return int(broken > 0)


def _show(result: History) -> int:
    for line in result.trace:
        print(line)
    print(f"seed {result.seed}: {result.summary}, trace {result.trace_hash[:16]}")
    for violation in result.violations:
        print("VIOLATION", violation)
    return int(bool(result.violations))


def _hunt(mutant: Mutant, run: Run[History], histories: int, jobs: int) -> int:
    with mutant.planted(), closing(in_order(run, range(histories), jobs)) as results:
        found = next((result.seed for result in results if result.violations), None)
    print(f"{mutant.name:32} {'NOT FOUND' if found is None else found}", flush=True)
    return int(found is None)
