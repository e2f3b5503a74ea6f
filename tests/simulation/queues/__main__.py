"""Replay histories of queues: `python -m tests.simulation.queues SEED... [--trace] [--mutant NAME]`."""

import sys

from tests.simulation.queues.history import run
from tests.simulation.queues.mutants import MUTANTS
from tests.simulation.replay import replay

if __name__ == "__main__":
    sys.exit(replay("tests.simulation.queues", run, MUTANTS, sys.argv[1:]))
