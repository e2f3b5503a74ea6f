"""Every read model of the kinds in `streams.catalog`, in an explicit list; apart from it, for clients need none."""

from typing import Final

from streams.projections.activity.projections import ACTIVITIES
from streams.projections.caches import projections as caches
from streams.projections.locks import projections as locks
from streams.projections.nodes import projections as nodes
from streams.projections.projection import Projection
from streams.projections.queues import projections as queues

PROJECTIONS: Final[tuple[Projection, ...]] = (
    locks.LOCKS,
    locks.AUDIT,
    queues.QUEUES,
    queues.AUDIT,
    caches.CACHES,
    caches.AUDIT,
    nodes.NODES,
    nodes.AUDIT,
    *ACTIVITIES,
)
