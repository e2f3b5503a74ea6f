"""What an owner needs beside the log's own ports: randomness, and connections to answer to."""

from typing import Protocol

from streams.log.positions import PartitionId
from streams.wire.messages import Answer, Refused


class Entropy(Protocol):
    """Randomness, so that a simulation can own it."""

    def owner_id(self) -> bytes:
        """Return 16 random bytes."""

    def pause_s(self, low: float, high: float) -> float:
        """Return a random pause between `low` and `high` seconds."""


class ReplyTo(Protocol):
    """A connection that answers can be sent to. Never blocks; drops what a closed connection can no longer take."""

    def answer(
        self, where: PartitionId, offset: int, lease_ms: int, mark_ms: int, answers: list[Answer]
    ) -> None:
        """Send the answers of one accepted commit."""

    def refuse(self, refused: Refused) -> None:
        """Say that nothing was decided, and what to do."""
