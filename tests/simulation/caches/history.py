"""One history of caches."""

import logging
from unittest.mock import patch

from tests.simulation import history
from tests.simulation.caches.subject import CacheSubject
from tests.simulation.history import Result


def run(seed: int, *, trace: bool = False) -> Result:
    """Run the history of `seed`, then judge what was read. What clients log of lost lines is no news here."""
    subject = CacheSubject()
    with patch.object(logging.getLogger("tidelock.caches"), "disabled", True):
        result = history.run(seed, lambda: [subject], trace=trace)
    if not result.violations:
        result.violations.extend(subject.ledger.read_stale())
    return result
