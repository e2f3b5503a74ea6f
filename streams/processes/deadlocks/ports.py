"""How the detector's commands reach the partitions' owners.

Errors:
    LaneError
    ├── LaneUnavailable   no answer came, or none that says what became of the command: send it again
    └── LaneRefused       the answer is no: sending it again soon would not help
"""

from typing import Protocol

from streams.domain.locks.commands import WaitEdge
from streams.log.positions import PartitionId


class LaneError(Exception):
    """A command was not done."""

    code = "LANE_ERROR"


class LaneUnavailable(LaneError):
    """Nobody answered in time."""

    code = "LANE_UNAVAILABLE"


class LaneRefused(LaneError):
    """The owner refuses the command."""

    code = "LANE_REFUSED"


class CommandLane(Protocol):
    """Sends commands under one tenant. Both may be sent again without harm. Raises `LaneError`."""

    async def barrier(self, where: PartitionId) -> int:
        """Return the number of the partition's next event, as of a moment after this call."""

    async def abort(self, name: str, ticket: int, cycle: tuple[WaitEdge, ...]) -> bool:
        """End the wait `ticket` on the lock `name`; False: it waited no longer."""
