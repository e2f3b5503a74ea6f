"""What there is: every kind of resource that the platform knows. Its read models: `streams.read_models`."""

from typing import Final

from streams.domain.caches.kind import CACHES
from streams.domain.kind import KindSpec
from streams.domain.locks.kind import LOCKS
from streams.domain.nodes.kind import NODES
from streams.domain.queues.kind import QUEUES

KINDS: Final[tuple[KindSpec, ...]] = (LOCKS, QUEUES, CACHES, NODES)
