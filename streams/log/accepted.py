"""What counts in a log, commit by commit: what every read model, subscription and process consumes.

`CommitReader` moves along one partition's log from a checkpoint. It judges by THE accept rule, numbers the events,
and keeps no key's state: that is its consumers' business. Events are decoded when they are first asked for.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from schemas.codec import SchemaError
from streams.domain.decider import GENERATION_SHIFT
from streams.domain.value import value
from streams.log.checkpoint import START, Checkpoint, head_at
from streams.log.envelope import decode
from streams.log.ports import Stored
from streams.log.positions import PartitionId, Position
from streams.log.reader import MAX_LEVEL, LevelTooHigh, NotContiguous, UnknownEvent
from streams.log.records import Commit, FeatureActivated, LoggedDecision
from streams.log.vocabulary import Vocabulary


@value
class Decided:
    """One decision of an accepted commit."""

    index: int
    """Its place in the commit, from 0."""
    number: int
    """The number, in its partition, of its first event: what tokens and tickets are made of."""
    decision: LoggedDecision
    events: tuple[Any, ...]
    """Decoded."""


class AcceptedCommit:
    """One accepted commit: where and when it stands, and its decisions."""

    __slots__ = (
        "_aside",
        "_decoded",
        "_vocabulary",
        "commit",
        "number",
        "offset",
        "stored",
        "time_ms",
        "where",
    )

    def __init__(
        self,
        where: PartitionId,
        offset: int,
        time_ms: int,
        number: int,
        commit: Commit,
        stored: bytes,
        vocabulary: Vocabulary,
    ) -> None:
        self.where = where
        self.offset = offset
        self.time_ms = time_ms
        """Append timestamp; of a log whose broker's clock went back, the greatest so far."""
        self.number = number
        """The number of its first event."""
        self.commit = commit
        self.stored = stored
        self._vocabulary = vocabulary
        self._decoded: tuple[Decided, ...] | None = None
        self._aside: frozenset[int] = frozenset()

    @property
    def position(self) -> Position:
        """Where it stands."""
        return Position(self.where, self.offset)

    @property
    def decided(self) -> tuple[Decided, ...]:
        """The decisions with their events decoded. Raises `SchemaError` on an event that is malformed."""
        if self._decoded is None:
            self._decoded = tuple(self._decode(None))
        return self._decoded

    def malformed(self) -> dict[int, SchemaError]:
        """Return the decisions whose events cannot be decoded, by index, with the reason."""
        found: dict[int, SchemaError] = {}
        for index, decision in enumerate(self.commit.decisions):
            try:
                for event in decision.events:
                    self._vocabulary.decode_event(event)
            except SchemaError as error:
                found[index] = error.with_traceback(None)  # its frames hold `found`
        return found

    def without(self, aside: Collection[int]) -> "AcceptedCommit":
        """Return the commit as if the decisions at these indexes had not been made; the others keep their numbers."""
        rest = AcceptedCommit(
            self.where, self.offset, self.time_ms, self.number, self.commit, self.stored, self._vocabulary
        )
        rest._aside = frozenset(aside)
        return rest

    def decided_on(self, key: str) -> Iterator[Decided]:
        """Yield the decisions on `key`; the others are not decoded. Raises `SchemaError` as `decided` does."""
        return self._decode(key)

    def _decode(self, key: str | None) -> Iterator[Decided]:
        decode_event, number = self._vocabulary.decode_event, self.number
        for index, decision in enumerate(self.commit.decisions):
            if (key is None or decision.key == key) and index not in self._aside:
                events = tuple([decode_event(event) for event in decision.events])
                yield Decided(index, number, decision, events)
            number += len(decision.events)


class CommitReader:
    """Moves along one partition's log and hands out what counts."""

    def __init__(
        self,
        where: PartitionId,
        vocabulary: Vocabulary,
        start: Checkpoint = START,
        max_level: int = MAX_LEVEL,
    ) -> None:
        self.where = where
        self.next_offset = start.next_offset
        self.voids: Counter[str] = Counter()
        """What it met that does not count, by reason; what stands before `start` is not among it."""
        self._head = head_at(start)
        self._events = start.events
        self._time_ms = start.time_ms
        self._clocks = (start.lease_ms, start.mark_ms)
        self._vocabulary = vocabulary
        self._max_level = max_level

    @property
    def checkpoint(self) -> Checkpoint:
        """Where it stands now."""
        head = self._head
        return Checkpoint(
            self.next_offset, head.head, head.n, head.last_source, head.source_hash, head.active,
            head.claims, head.decisions, self._events, self._time_ms, *self._clocks, head.genesis, head.claim,
        )  # fmt: skip

    @property
    def generation(self) -> int:
        """The log's generation, the upper part of its tokens; 0 before its genesis."""
        genesis = self._head.genesis
        return 0 if genesis is None else genesis.generation

    def read(self, stored: Stored) -> AcceptedCommit | None:
        """Judge the next record; return it if it is a commit that counts. Raises `LogHalt`: then it is done for."""
        offset = stored.offset
        if offset != self.next_offset:
            raise NotContiguous(Position(self.where, offset), self.next_offset)
        record, data = decode(stored.value), stored.value or b""
        void = self._head.accept(offset, record, data)
        self.next_offset = offset + 1
        self._time_ms = max(self._time_ms, stored.timestamp_ms)
        if void is not None:
            self.voids[void] += 1
            return None
        match record:
            case Commit():
                return self._commit(offset, record, data)
            case FeatureActivated() if record.level > self._max_level:
                raise LevelTooHigh(Position(self.where, offset), record.level, self._max_level)
            case _:
                return None

    def _commit(self, offset: int, commit: Commit, data: bytes) -> AcceptedCommit:
        first = self._events + 1
        for decision in commit.decisions:
            for event in decision.events:
                if not self._vocabulary.knows_event(event):
                    raise UnknownEvent(
                        Position(self.where, offset),
                        "it holds an event that this release does not know. Upgrade before reading on.",
                    )
                self._events += 1
        self._clocks = (commit.lease_ms, commit.mark_ms)
        return AcceptedCommit(self.where, offset, self._time_ms, first, commit, data, self._vocabulary)


def token_of(generation: int, number: int) -> int:
    """Return the fencing token (or ticket) of the partition's event `number`."""
    return (generation << GENERATION_SHIFT) | number
