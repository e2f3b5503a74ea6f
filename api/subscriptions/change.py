"""One decision that changed a lock, as subscribers get it: one object for all of them, decoded and converted once.

It holds no part of its commit but its own decision, so that a full queue pins no more than what is queued.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from api.subscriptions.cursor import Place, Places
from streams.domain.value import value
from streams.log.accepted import AcceptedCommit
from streams.log.positions import PartitionId, Position
from streams.log.records import LoggedDecision
from streams.log.vocabulary import Vocabulary

OVERHEAD_BYTES = 1024
"""Of a change in memory, besides its events."""


class Change:
    """A decision with events, and where and when it stands."""

    __slots__ = (
        "_events", "_vocabulary", "decision", "evolved", "first", "items", "lease_ms", "number", "offset", "size",
        "time_ms", "where",
    )  # fmt: skip

    def __init__(
        self, commit: AcceptedCommit, decision: LoggedDecision, first: int, vocabulary: Vocabulary
    ) -> None:
        self.where: PartitionId = commit.where
        self.offset = commit.offset
        self.time_ms = commit.time_ms
        self.lease_ms = commit.commit.lease_ms
        self.decision = decision
        self.first = first
        """The index of its first event among those of its commit."""
        self.number = commit.number + first
        """The number of its first event in the partition."""
        self.size = OVERHEAD_BYTES + 2 * sum(map(len, decision.events))
        self.items: dict[object, Any] = {}
        """What several subscribers are sent alike."""
        self.evolved: tuple[Any, Any] | None = None
        """What the latest subscriber made of it, (before, after): the next one's is most likely the same."""
        self._vocabulary = vocabulary
        self._events: tuple[Any, ...] | None = None

    @property
    def position(self) -> Position:
        """The commit that it is part of."""
        return Position(self.where, self.offset)

    @property
    def name(self) -> str:
        """Of the lock."""
        return self.decision.key[len(self.decision.tenant) + 1 :]

    @property
    def events(self) -> tuple[Any, ...]:
        """Decoded. Raises `SchemaError` on one that is malformed."""
        if self._events is None:
            self._events = tuple(map(self._vocabulary.decode_event, self.decision.events))
        return self._events

    @property
    def end(self) -> Place:
        """The place behind it."""
        return self.offset, self.first + len(self.decision.events)


@value
class Entry:
    """A change on its way to one subscriber, or to several."""

    change: Change
    places: Places | None
    """Where its subscriber stands in the other partitions; None: it watches no others."""
    shared: bool
    """The same for all who get it live."""


def changes_of(
    commit: AcceptedCommit, vocabulary: Vocabulary, wants: Callable[[LoggedDecision], bool]
) -> Iterator[Change]:
    """Yield every decision of `commit` that has events and is wanted."""
    first = 0
    for decision in commit.commit.decisions:
        if decision.events and wants(decision):
            yield Change(commit, decision, first, vocabulary)
        first += len(decision.events)


def with_place(places: Mapping[PartitionId, Place] | None, where: PartitionId, place: Place) -> Places:
    """Return `places` with another one in `where`."""
    return {where: place} if places is None else {**places, where: place}
