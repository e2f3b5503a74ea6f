"""One history of queues."""

import logging
from unittest.mock import patch

from tests.simulation import history
from tests.simulation.history import Result
from tests.simulation.queues.subject import QueueSubject


def run(seed: int, *, trace: bool = False) -> Result:
    """Run the history of `seed`. What consumers log of lost leases is no news here."""
    with patch.object(logging.getLogger("tidelock.queues"), "disabled", True):
        return history.run(seed, lambda: [QueueSubject()], trace=trace)
