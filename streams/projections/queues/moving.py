"""What is on its way between queues, as their read model has it.

Adapters: `storage.postgres.moving`, `storage.memory.moving`.
"""

from typing import Protocol

from streams.domain.value import value
from streams.log.checkpoint import Checkpoint
from streams.log.positions import PartitionId


@value
class MovingRow:
    """Messages of one subscription of a shard that are on their way to one queue."""

    queue: str
    shard: int
    subscription: str
    target: str
    messages: int
    first: int
    """The least of their numbers."""
    last: int


@value
class Moving:
    """All that was on its way where the read model stands; at `START` nothing is known."""

    checkpoint: Checkpoint
    rows: tuple[MovingRow, ...]


class MovingReads(Protocol):
    """Of the read model `queues`, what a mover begins with."""

    async def moving(self, tenant: str, where: PartitionId) -> Moving:
        """Return what of a tenant is on its way in one partition, and as of where. Raises `SinkError`."""
