"""Replay histories of all kinds together, run many of them, or hunt the planted bugs.

python -m tests.simulation.together SEED... [--trace] [--mutant NAME]
python -m tests.simulation.together [SEED] --histories 20000
python -m tests.simulation.together --mutants [HISTORIES]
"""

import sys

from tests.simulation.replay import replay
from tests.simulation.together.history import run
from tests.simulation.together.mutants import MUTANTS

if __name__ == "__main__":
    sys.exit(replay("tests.simulation.together", run, MUTANTS, sys.argv[1:]))
