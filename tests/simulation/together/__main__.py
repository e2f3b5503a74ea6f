"""Replay histories of all kinds together: `python -m tests.simulation.together SEED... [--trace] [--mutant NAME]`."""

import sys

from tests.simulation.replay import replay
from tests.simulation.together.history import run
from tests.simulation.together.mutants import MUTANTS

if __name__ == "__main__":
    sys.exit(replay("tests.simulation.together", run, MUTANTS, sys.argv[1:]))
