"""Changelogs: what a read model that is kept in a table is recovered from. Adapters: `storage.kafka`, `storage.memory`.

One compacted topic a read model, with the log's partitions. A changelog is written by whoever claimed it last, and by
nobody else any more: that is what makes the last record of each key the right one, whatever compaction took away.

Errors:
    SinkError
    ├── SinkUnavailable
    │   └── AppendLost     an append failed, or its outcome is unknown: claim again, and read what is there
    ├── ChangelogClaimed   somebody else claimed it since
    └── RowRefused
        └── ChangesTooLarge  the changes do not fit one batch
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol, TypeAlias

from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.projections.ports import RowRefused, SinkError, SinkUnavailable

Entry: TypeAlias = tuple[bytes, bytes | None]
"""Key, and what stands under it from now on; None: nothing."""


@value
class ChangelogId:
    """One partition of one read model's changelog; prints as `counts locks/3`."""

    projection: str
    where: PartitionId

    def __str__(self) -> str:
        return f"{self.projection} {self.where}"

    @property
    def topic(self) -> str:
        """The compacted topic."""
        return topic_of(self.projection, self.where.kind)


def topic_of(projection: str, kind: str) -> str:
    """Return the topic of a read model's changelog."""
    return f"tidelock.{kind}.table.{projection}"


class AppendLost(SinkUnavailable):
    """The batch may or may not land. Whoever claims next finds out."""

    code = "APPEND_LOST"


class ChangelogClaimed(SinkError):
    """Another writer claimed the changelog: this one writes nothing any more."""

    code = "CHANGELOG_CLAIMED"

    def __init__(self, changelog: ChangelogId) -> None:
        super().__init__(
            f"{changelog} was claimed by another projector. Load it again, and go on from there."
        )
        self.changelog = changelog


class ChangesTooLarge(RowRefused):
    """What is to be written at once is larger than a batch may be."""

    code = "CHANGES_TOO_LARGE"


class ChangelogWriter(Protocol):
    """The one that may write a changelog, until another claims it."""

    @property
    def start(self) -> int:
        """The offset behind its claim: what earlier writers wrote stands before it, and is all that they ever will."""

    async def append(self, entries: Sequence[Entry]) -> int:
        """Append all of `entries`, in one piece or not at all; return the offset behind them.

        Raises `ChangelogClaimed`, `ChangesTooLarge` (then it goes on), `AppendLost` (then it is done for).
        """

    async def close(self) -> None:
        """Stop. What is under way may or may not land."""


class Changelogs(Protocol):
    """All changelogs of one installation. Raise `SinkUnavailable`."""

    async def claim(self, changelog: ChangelogId) -> ChangelogWriter:
        """Become its writer: when this returns, no earlier writer's append can land any more."""

    def read(self, changelog: ChangelogId, start: int, end: int) -> AsyncIterator[Sequence[Entry]]:
        """Yield what compaction left of the records from `start` up to `end` (exclusive), in order."""

    async def ends(self, several: Collection[ChangelogId]) -> Mapping[ChangelogId, int]:
        """Return the offsets that the next records will have."""

    async def partitions(self, projection: str, kind: str) -> Sequence[ChangelogId]:
        """Return the partitions of a read model's changelog; none if it was never made."""
