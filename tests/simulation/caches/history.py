"""One history of caches."""

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
from tests.simulation.subject import Subject
from tests.simulation.together.history import WITHOUT


def run(seed: int, *, trace: bool = False) -> Result:
    """Run the history of `seed`: clients that are no nodes."""
    return _judged(seed, CacheSubject(), (), trace=trace)


def run_with_nodes(seed: int, *, trace: bool = False) -> Result:
    """Run the history of `seed`: clients that are nodes, whose sessions end before their leases do."""
    cast = Cast(Random(seed))
    return _judged(
        seed,
        CacheSubject(alone=False),
        [LockSubject(alone=False), *(NodeSubject(home, cast) for home in HOMES)],
        trace=trace,
    )


def _judged(seed: int, caches: CacheSubject, others: Sequence[Subject], *, trace: bool) -> Result:
    """Run a history, then judge what was read. What clients log of lost lines and sessions is no news here."""
    with ExitStack() as stack:
        for name in ("tidelock.caches", "tidelock.nodes"):
            stack.enter_context(patch.object(logging.getLogger(name), "disabled", True))
        stack.enter_context(few_shards())
        result = history.run(seed, lambda: [caches, *others], without=WITHOUT if others else (), trace=trace)
    if not result.violations:
        result.violations.extend(caches.ledger.read_stale())
    return result
