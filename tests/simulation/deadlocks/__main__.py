"""Replay histories of deadlocks: `python -m tests.simulation.deadlocks SEED... [--trace] [--mutant NAME]`."""

import sys

from tests.simulation.deadlocks.history import run
from tests.simulation.deadlocks.mutants import MUTANTS
from tests.simulation.replay import replay

if __name__ == "__main__":
    sys.exit(replay("tests.simulation.deadlocks", run, MUTANTS, sys.argv[1:]))
