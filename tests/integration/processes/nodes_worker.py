"""`python -m tests.integration.processes.nodes_worker`: the worker, with nodes."""

import sys

from streams.engine.worker import main
from streams.processes.worker import ALL

if __name__ == "__main__":
    sys.exit(main(ALL))
