"""A partition's log of nodes, services and the brake, decided by the real decider."""

from __future__ import annotations

from typing import Any

from streams.domain.decider import TIMER
from streams.domain.nodes.heartbeat import Heartbeats, join
from streams.domain.nodes.kind import NODES
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from tests.unit.replay.decided_book import EPOCH_MS, DecidedBook, Topic

__all__ = ["EPOCH_MS", "WHERE", "WORDS", "NodeBook", "Topic"]
WHERE = PartitionId("nodes", 0)
WORDS = Vocabulary(NODES)


class NodeBook(DecidedBook):
    """Commands and heartbeats of nodes."""

    def __init__(self, tenant: str = "dev") -> None:
        super().__init__(WORDS, tenant)

    def hear(self, *beats: Any, lease_ms: int = 0) -> NodeBook:
        """Decide heartbeats together, as the engine does."""
        joint: Heartbeats = join(tuple((self.who("a"), each) for each in beats))
        return self.decide(NODES.key_of(joint), joint, lease_ms, TIMER)
