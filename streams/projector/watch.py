"""What lanes tell the people who run them. Never decides anything, must not raise, must not block."""

from typing import Protocol

from streams.domain.value import value
from streams.log.positions import PartitionId, Position


@value
class LaneName:
    """One read model of one partition; prints as `audit locks/3`."""

    projection: str
    where: PartitionId

    def __str__(self) -> str:
        return f"{self.projection} {self.where}"


class LaneWatch(Protocol):
    """Receives the lanes' news."""

    def phase(self, lane: LaneName, phase: str) -> None:
        """The lane entered `phase`."""

    def wrote(self, lane: LaneName, decisions: int, seconds: float) -> None:
        """A transaction is in the store."""

    def trouble(self, lane: LaneName, error: Exception) -> None:
        """Something keeps it from going on now, or for good."""

    def poison(self, lane: LaneName, position: Position, index: int, error: Exception) -> None:
        """A decision was put aside."""


class Silent:
    """A watch that looks away."""

    def phase(self, lane: LaneName, phase: str) -> None:
        """Ignore it."""

    def wrote(self, lane: LaneName, decisions: int, seconds: float) -> None:
        """Ignore it."""

    def trouble(self, lane: LaneName, error: Exception) -> None:
        """Ignore it."""

    def poison(self, lane: LaneName, position: Position, index: int, error: Exception) -> None:
        """Ignore it."""
