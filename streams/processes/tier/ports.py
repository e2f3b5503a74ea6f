"""What the process of the tier needs beside the tail of logs and the tier."""

from collections.abc import Collection, Mapping
from typing import Protocol

from streams.log.positions import PartitionId
from streams.log.records import Genesis
from streams.projections.tier import Stretch


class Logs(Protocol):
    """What is asked of the logs beside reading on. Raises `LogUnavailable`."""

    async def genesis(self, where: PartitionId) -> Genesis | None:
        """Return what the log is. Waits for its first record."""

    async def ends(self, several: Collection[PartitionId]) -> Mapping[PartitionId, int]:
        """Return the offsets that the next records will have."""


class Watch(Protocol):
    """Whoever counts and logs."""

    def applied(self, stretch: Stretch) -> None:
        """A piece of a log is taken away."""

    def signed(self, partitions: int) -> None:
        """Of so many partitions copies may be shown now."""

    def trouble(self, error: Exception, where: PartitionId | None = None) -> None:
        """Something has to be tried again; with one partition, or with all."""
