"""Replay histories of locks, run many of them, or hunt the planted bugs.

python -m tests.simulation SEED... [--trace] [--mutant NAME]
python -m tests.simulation [SEED] --histories COUNT
python -m tests.simulation --mutants [HISTORIES]
"""

import sys

from tests.simulation.history import run
from tests.simulation.mutants import ALL
from tests.simulation.replay import replay

if __name__ == "__main__":
    sys.exit(replay("tests.simulation", run, ALL, sys.argv[1:]))
