"""The real processes with one more kind: `python -m tests.toykind worker`, `... api`, `... cli events counters x`."""

import sys
from collections.abc import Callable

from api import server
from streams.catalog import KINDS
from streams.engine import worker
from tests.toykind.counters import COUNTERS
from tidelock.cli import main as cli

ALL = (*KINDS, COUNTERS)
PROGRAMS: dict[str, Callable[[], int]] = {
    "worker": lambda: worker.main(ALL),
    "api": lambda: server.main(ALL),
    "cli": lambda: cli.main(ALL),
}

if __name__ == "__main__":
    sys.exit(PROGRAMS[sys.argv.pop(1)]())
