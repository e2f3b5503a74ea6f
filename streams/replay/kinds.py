"""What kinds add to the verifier, in an explicit list. A kind that is not in it is verified by the log's own rules."""

from collections.abc import Callable
from typing import Final

from streams.replay.caches.invariants import CacheInvariants
from streams.replay.invariants import Invariants
from streams.replay.locks.invariants import LockInvariants
from streams.replay.nodes.invariants import NodeInvariants
from streams.replay.queues.invariants import QueueInvariants

INVARIANTS: Final[dict[str, Callable[[], Invariants]]] = {
    "locks": LockInvariants,
    "queues": QueueInvariants,
    "caches": CacheInvariants,
    "nodes": NodeInvariants,
}
