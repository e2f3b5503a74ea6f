"""What operators' deeds on dead letters need of the world. Adapter: `storage.kafka.letters`."""

from collections.abc import Iterable
from typing import Protocol

from streams.log.letters import LetterAction
from streams.log.ports import TopicReader
from streams.log.positions import PartitionId


class LetterDesk(Protocol):
    """The letters, the topics that they come from, and where commands go. Every method raises `LogUnavailable`."""

    @property
    def letters(self) -> TopicReader:
        """The topic of the letters."""

    def log(self, where: PartitionId) -> TopicReader:
        """Return the reader of a partition's log."""

    async def partitions(self, kind: str) -> int:
        """Return how many partitions a kind has."""

    async def send(self, commands: Iterable[tuple[PartitionId, bytes]]) -> None:
        """Append commands to their topics, one after the other. On failure, those before it are sent."""

    async def note(self, action: LetterAction) -> None:
        """Leave behind the letters what was done."""

    async def purge(self, through: int) -> int:
        """Delete all letters up to `through`, for ever; return the first that is left."""
