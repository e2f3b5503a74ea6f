"""`python -m tests.toykind.api`: the API node, with counters."""

import sys

from api.server import main
from tests.toykind.catalogue import ALL

if __name__ == "__main__":
    sys.exit(main(ALL))
