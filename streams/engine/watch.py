"""What an owner tells the people who run it: phases, troubles, accepted commits. Never decides anything."""

from typing import Protocol

from streams.engine.batch import Batch
from streams.log.positions import PartitionId
from streams.log.reader import PartitionReader
from streams.log.records import Claim


class Watch(Protocol):
    """Receives an owner's news; must not raise and must not block."""

    def phase(self, where: PartitionId, phase: str, reader: PartitionReader) -> None:
        """The owner entered `phase`."""

    def accepted(self, where: PartitionId, batch: Batch, append_ms: int) -> None:
        """A commit was accepted `append_ms` after it was sent."""

    def trouble(self, where: PartitionId, error: Exception) -> None:
        """An ownership ended; the owner starts over."""

    def fenced(self, where: PartitionId, rival: Claim) -> None:
        """Somebody else claimed."""

    def failed(self, where: PartitionId, failure: str) -> None:
        """Code raised; the command got INTERNAL, or the timer's key is parked."""

    def quarantined(self, where: PartitionId, error: Exception) -> None:
        """The partition closed for good, until the worker restarts."""


class Silent:
    """A watch that looks away."""

    def phase(self, where: PartitionId, phase: str, reader: PartitionReader) -> None:
        """Ignore it."""

    def accepted(self, where: PartitionId, batch: Batch, append_ms: int) -> None:
        """Ignore it."""

    def trouble(self, where: PartitionId, error: Exception) -> None:
        """Ignore it."""

    def fenced(self, where: PartitionId, rival: Claim) -> None:
        """Ignore it."""

    def failed(self, where: PartitionId, failure: str) -> None:
        """Ignore it."""

    def quarantined(self, where: PartitionId, error: Exception) -> None:
        """Ignore it."""
