"""How the detector's commands reach the partitions' owners."""

from typing import Protocol

from streams.domain.locks.commands import WaitEdge
from streams.log.positions import PartitionId


class CommandLane(Protocol):
    """Sends commands under one tenant. Both may be sent again without harm. Raises `LaneError`."""

    async def barrier(self, where: PartitionId) -> int:
        """Return the number of the partition's next event, as of a moment after this call."""

    async def abort(self, name: str, ticket: int, cycle: tuple[WaitEdge, ...]) -> bool:
        """End the wait `ticket` on the lock `name`; False: it waited no longer."""
