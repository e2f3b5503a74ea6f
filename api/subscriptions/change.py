"""One decision that changed a lock, as subscribers get it: one object for all of them, decoded and sealed once.

It holds no part of its commit but its own decision, so that a full queue pins no more than what is queued.
"""

from collections.abc import Iterator
from typing import Any

from streams.domain.locks.events import LockWaitAborted
from streams.log.accepted import AcceptedCommit
from streams.log.positions import PartitionId, Position
from streams.log.records import LoggedDecision
from streams.log.vocabulary import Vocabulary

OVERHEAD_BYTES = 1024
"""Of a change in memory, besides its events."""


class Change:
    """A decision with events, and where and when it stands."""

    __slots__ = (
        "_events", "_vocabulary", "decision", "first", "lease_ms", "memo", "number", "offset", "sealed", "size",
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
        self.sealed: dict[tuple[int, object], str] = {}
        """Cursors that several subscribers have in common."""
        self.memo: Any = None
        """What the last subscriber made of it: the next one may well make the same."""
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
    def end(self) -> int:
        """The index behind its last event."""
        return self.first + len(self.decision.events)


def changes_of(commit: AcceptedCommit, vocabulary: Vocabulary) -> Iterator[Change]:
    """Yield every decision of `commit` that has events."""
    first = 0
    for decision in commit.commit.decisions:
        if decision.events:
            yield Change(commit, decision, first, vocabulary)
            first += len(decision.events)


def breaks_deadlock(decision: LoggedDecision) -> bool:
    """Say whether `decision` may hold a `LockWaitAborted`, without decoding it."""
    return decision.command == ABORT


ABORT = "AbortWait"
DEADLOCK = LockWaitAborted
