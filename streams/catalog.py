"""What there is: every kind of resource the platform knows and every read model, in explicit lists."""

from typing import Final

from streams.domain.kind import KindSpec
from streams.domain.locks.kind import LOCKS
from streams.domain.queues.kind import QUEUES
from streams.projections.locks import projections as locks
from streams.projections.projection import Projection
from streams.projections.queues import projections as queues

KINDS: Final[tuple[KindSpec, ...]] = (LOCKS, QUEUES)

PROJECTIONS: Final[tuple[Projection, ...]] = (locks.LOCKS, locks.AUDIT, queues.QUEUES, queues.AUDIT)
