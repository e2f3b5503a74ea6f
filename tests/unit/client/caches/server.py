"""A worker that decides caches, nodes and locks with the real deciders."""

from streams.domain.caches.kind import CACHES
from streams.domain.locks.kind import LOCKS
from streams.domain.nodes.kind import NODES
from tests.unit.client.nodes import server
from tests.unit.client.worker import FakeClock

KINDS = (LOCKS, NODES, CACHES)


class CacheWorker(server.NodeWorker):
    """One owner of all partitions, and the sweeper."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock, KINDS)
