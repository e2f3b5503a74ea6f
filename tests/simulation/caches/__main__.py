"""Replay histories of caches: `python -m tests.simulation.caches SEED... [--trace] [--mutant NAME]`."""

import sys

from tests.simulation.caches.history import run
from tests.simulation.caches.mutants import MUTANTS
from tests.simulation.replay import replay

if __name__ == "__main__":
    sys.exit(replay("tests.simulation.caches", run, MUTANTS, sys.argv[1:]))
