"""One history of all kinds together."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from random import Random
from unittest.mock import patch

from tests.simulation import history
from tests.simulation.caches.subject import CacheSubject, few_shards
from tests.simulation.history import Result
from tests.simulation.locks.subject import LockSubject
from tests.simulation.nodes.cast import Cast
from tests.simulation.nodes.subject import HOMES, NodeSubject
from tests.simulation.queues.subject import QueueSubject
from tests.simulation.subject import Subject

WITHOUT = ("p_code_failure", "p_huge_decision")
"""A node's timer that fails is parked, visibly, and then its silence is no death: that is for worlds of one kind."""
LOGGERS = [logging.getLogger(name) for name in ("tidelock.queues", "tidelock.caches", "tidelock.nodes")]
"""Their news are no news here."""


def subjects(seed: int, caches: CacheSubject) -> Sequence[Subject]:
    """Return what one history is about: the partitions of all kinds."""
    cast = Cast(Random(seed))
    nodes = [NodeSubject(home, cast) for home in HOMES]
    return [LockSubject(alone=False), QueueSubject(alone=False), caches, *nodes]


def run(seed: int, *, trace: bool = False) -> Result:
    """Run the history of `seed`, then judge what was read of caches."""
    caches = CacheSubject(alone=False)
    with ExitStack() as stack:
        for logger in LOGGERS:
            stack.enter_context(patch.object(logger, "disabled", True))
        stack.enter_context(few_shards())
        result = history.run(seed, lambda: subjects(seed, caches), without=WITHOUT, trace=trace)
    if not result.violations:
        result.violations.extend(caches.ledger.read_stale())
    return result
