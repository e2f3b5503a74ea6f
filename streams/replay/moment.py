"""Going to one moment of one partition's log, and the proof of having been there. Pure: records in, values out.

Event time is the append timestamp, which within a partition never goes back. A moment is the state after a record:
after the last one that was appended by a given time, or after the one at a given offset. Nothing is read beyond it.
"""

from collections.abc import Callable
from typing import TypeAlias

from streams.domain.value import value
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.ports import Stored
from streams.log.positions import PartitionId, Position
from streams.log.reader import MAX_LEVEL
from streams.log.vocabulary import Vocabulary
from streams.replay.errors import BeforeTheLog, BeyondTheEnd, ForeignLog


@value
class AtTime:
    """After all that was appended by `time_ms` (ms since 1970)."""

    time_ms: int


@value
class AtPosition:
    """After the record at `position`."""

    position: Position


@value
class AtEnd:
    """After the last record there is."""


Target: TypeAlias = AtTime | AtPosition | AtEnd


@value
class Passed:
    """The last commit that counts before a moment."""

    position: Position
    time_ms: int
    lease_ms: int


@value
class Moment:
    """One moment of one partition's log, and what proves it: whoever walks the same records gets the same head."""

    where: PartitionId
    last: Position
    """The last record before it, whether it counts or not."""
    last_ms: int
    commit: Passed | None
    settled: bool
    """True: a later record exists or a position was asked for, so the answer can never change."""
    log_id: bytes
    generation: int
    head: bytes
    """The chain's head after `last`. The next commit that counts carries it as `prev`."""
    records: int
    commits: int
    voids: tuple[tuple[str, int], ...]
    """What did not count, by reason."""
    owner: str
    """Address of whose claim was in force."""


class Walk:
    """Moves along one partition's log, up to `target`; tells `told` of each commit that counts."""

    def __init__(
        self,
        where: PartitionId,
        vocabulary: Vocabulary,
        target: Target,
        told: Callable[[AcceptedCommit], None],
        max_level: int = MAX_LEVEL,
    ) -> None:
        self._target = target
        self._told = told
        self._reader = CommitReader(where, vocabulary, max_level=max_level)
        self._commit: Passed | None = None
        self._begins_ms: int | None = None
        self._settled = isinstance(target, AtPosition)

    def take(self, stored: Stored) -> bool:
        """Take the next record. False: it lies behind the target. Raises `LogHalt`, `ForeignLog`."""
        if self._behind(stored):
            self._settled = True
            return False
        accepted = self._reader.read(stored)
        if stored.offset == 0:
            self._check_genesis()
        if accepted is not None:
            self._commit = Passed(accepted.position, accepted.time_ms, accepted.commit.lease_ms)
            self._told(accepted)
        return True

    def arrived(self) -> Moment:
        """Return the moment that was reached. Raises `BeforeTheLog`, `BeyondTheEnd`."""
        at, where, target = self._reader.checkpoint, self._reader.where, self._target
        if isinstance(target, AtPosition) and target.position.offset >= at.next_offset:
            raise BeyondTheEnd(target.position, at.next_offset)
        if at.genesis is None:
            raise BeforeTheLog(where, self._begins_ms)
        return Moment(
            where, Position(where, at.next_offset - 1), at.time_ms, self._commit, self._settled,
            at.genesis.log_id, at.genesis.generation, at.head, at.next_offset, at.n,
            tuple(sorted(self._reader.voids.items())), "" if at.claim is None else at.claim.address,
        )  # fmt: skip

    def _behind(self, stored: Stored) -> bool:
        if stored.offset == 0:
            self._begins_ms = stored.timestamp_ms
        match self._target:
            case AtTime(time_ms):
                return stored.timestamp_ms > time_ms
            case AtPosition(position):
                return stored.offset > position.offset
            case AtEnd():
                return False

    def _check_genesis(self) -> None:
        where, genesis = self._reader.where, self._reader.checkpoint.genesis
        if genesis is None:
            raise ForeignLog(where, "does not begin as a Tidelock log does")
        found = PartitionId(genesis.kind, genesis.partition)
        if found != where:
            raise ForeignLog(where, f"says that it is {found}")
