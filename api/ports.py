"""What the API needs of the world, besides read models (`streams.projections.locks.reads`). Adapters: `storage`."""

from typing import Protocol

from streams.log.positions import PartitionId


class LogEnds(Protocol):
    """Where logs end. Every method raises `LogUnavailable`."""

    async def partitions(self, kind: str) -> int:
        """Return how many partitions `kind` has."""

    async def ends(self, several: list[PartitionId]) -> dict[PartitionId, int]:
        """Return the offsets that the next records will have."""

    async def after(self, where: PartitionId, time_ms: int) -> int:
        """Return the offset of the first record after a time; the end of the log if there is none."""
