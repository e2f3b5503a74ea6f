"""`python -m tests.toykind.cli`: the command line, with counters."""

import sys

from tests.toykind.catalogue import ALL
from tidelock.cli.main import main

if __name__ == "__main__":
    sys.exit(main(ALL))
