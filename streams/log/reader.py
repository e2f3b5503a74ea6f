"""Reading one partition's log: judge each record, fold what is accepted, count what is void.

Errors:
    LogHalt                 reading must stop; nobody may guess what comes next
    ├── UnknownEvent        an accepted commit holds an event this release does not know
    ├── LevelTooHigh        the log's active feature level is above this release's
    └── NotContiguous       an offset is missing or repeated
"""

from collections import Counter

from schemas.codec import SchemaError
from streams.log.accept import LogHead
from streams.log.envelope import decode
from streams.log.fold import PartitionState
from streams.log.positions import PartitionId, Position
from streams.log.records import Commit, FeatureActivated, Genesis, Record
from streams.log.vocabulary import Vocabulary

MAX_LEVEL = 1
"""The highest feature level this release knows."""


class LogHalt(Exception):
    """Reading must stop at `position`."""

    code = "LOG_HALT"

    def __init__(self, position: Position, message: str) -> None:
        super().__init__(f"{position}: {message}")
        self.position = position


class UnknownEvent(LogHalt):
    """An accepted commit holds an event this release does not know."""

    code = "UNKNOWN_EVENT"


class LevelTooHigh(LogHalt):
    """The log's active feature level is above this release's."""

    code = "LEVEL_TOO_HIGH"

    def __init__(self, position: Position, active: int, known: int) -> None:
        super().__init__(
            position, f"feature level {active} is active, this release knows {known}. Upgrade it."
        )


class NotContiguous(LogHalt):
    """The next record is not at the next offset."""

    code = "NOT_CONTIGUOUS"

    def __init__(self, position: Position, expected: int) -> None:
        super().__init__(position, f"expected offset {expected}; the log has a hole.")


class PartitionReader:
    """One partition's accepted fold, moved on record by record."""

    def __init__(self, where: PartitionId, vocabulary: Vocabulary, max_level: int = MAX_LEVEL) -> None:
        self.where = where
        self.head = LogHead()
        self.state = PartitionState(vocabulary)
        self.next_offset = 0
        self.last: bytes | None = None
        """The stored value of the record before `next_offset`: if the log holds another there, it was rewritten."""
        self.voids: Counter[str] = Counter()
        self._max_level = max_level

    def read(self, offset: int, stored: bytes | None) -> Record | None:
        """Judge and fold the record at `offset`. Return it if it is accepted, None if it is void. Raises `LogHalt`."""
        if offset != self.next_offset:
            raise NotContiguous(Position(self.where, offset), self.next_offset)
        record = decode(stored)
        reason = self.head.accept(offset, record, stored or b"")
        if reason is not None:
            self.voids[reason] += 1
            self.next_offset = offset + 1
            self.last = stored
            return None
        match record:
            case Commit():
                self._fold(offset, record)
            case FeatureActivated() if record.level > self._max_level:
                raise LevelTooHigh(Position(self.where, offset), record.level, self._max_level)
            case Genesis():
                self.state.generation = record.generation
            case _:
                pass
        self.next_offset = offset + 1
        self.last = stored
        return record

    def _fold(self, offset: int, commit: Commit) -> None:
        try:
            self.state.commit(commit)
        except SchemaError as error:
            raise UnknownEvent(
                Position(self.where, offset), f"an event cannot be read ({error}). Upgrade before reading on."
            ) from error
