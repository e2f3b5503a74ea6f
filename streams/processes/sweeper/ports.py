"""How the sweeper's commands reach the partitions' owners. All may be sent again; all raise `LaneError`."""

from typing import Protocol

from streams.domain.nodes.commands import PullBrake
from streams.log.positions import PartitionId
from streams.processes.sweeper.claims import Claim


class SessionLane(Protocol):
    """Sends commands under one tenant."""

    async def barrier(self, where: PartitionId) -> int:
        """Return the number of the partition's next event, as of a moment after this call."""

    async def end(self, where: PartitionId, session: str, cause: str) -> None:
        """Have a partition refuse the session from now on, and let go of what it holds there."""

    async def evict(self, claim: Claim, why: str) -> None:
        """Have an instance leave, if it is still offered under that session."""

    async def swept(self, session: str, partitions: int) -> bool:
        """Tell the session's node that so many partitions know; False: it knew that."""

    async def pull(self, pull: PullBrake) -> bool:
        """Tell the brake of a mass failure; return whether it is pulled now."""
