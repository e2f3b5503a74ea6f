"""Replay one history: `python -m tests.simulation SEED [--trace]`."""

import sys

from tests.simulation.history import run


def main(arguments: list[str]) -> int:
    """Run the seeds given; print what went wrong."""
    seeds = [int(argument) for argument in arguments if not argument.startswith("-")]
    failed = 0
    for seed in seeds:
        result = run(seed, trace="--trace" in arguments)
        for line in result.trace:
            print(line)
        print(f"seed {seed}: {result.decisions} decisions, {result.answers} answers, {result.steps} steps, "
              f"{result.seconds:.1f} s simulated, trace {result.trace_hash[:16]}")  # fmt: skip
        if result.faults:
            print(result.faults)
        for violation in result.violations:
            print("VIOLATION", violation)
        failed += bool(result.violations)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
