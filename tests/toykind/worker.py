"""`python -m tests.toykind.worker`: the worker, with counters."""

import sys

from streams.engine.worker import main
from tests.toykind.catalogue import ALL

if __name__ == "__main__":
    sys.exit(main(ALL))
