"""The accept rule once more, written from design section 3 and sharing no line with `streams.log.accept`.

The judge folds the log with it at the instant each record lands, and knows for every command what was answered
at which offset.
"""

from dataclasses import dataclass, field
from hashlib import sha256

from streams.domain.kind import KindSpec
from streams.log.envelope import decode
from streams.log.records import Claim, Commit, FeatureActivated, Genesis, LoggedDecision, Record

CommandId = tuple[str, str, int]
"""(principal, client, sequence)"""


@dataclass(slots=True)
class Outcome:
    """One logged outcome of one command: its decision, or the event that settled its wait."""

    offset: int
    waiting: bool
    reply: bytes


@dataclass(slots=True)
class Oracle:
    """What holds after the log so far."""

    head: bytes = bytes(32)
    n: int = 0
    last_source: int = -1
    active: int = 1
    owner: bytes | None = None
    max_level: int = 0
    offset: int = -1
    claims: dict[bytes, int] = field(default_factory=dict)
    """Owner id -> offset of its (latest) claim."""
    outcomes: dict[CommandId, list[Outcome]] = field(default_factory=dict)
    hashes: dict[CommandId, tuple[bytes, int]] = field(default_factory=dict)
    """Of each command that was decided: its hash and its deadline."""
    floors: dict[tuple[str, str], int] = field(default_factory=dict)
    far: set[tuple[str, str]] = field(default_factory=set)
    """Clients that are remembered for a deadline too far ahead."""
    decisions: int = 0

    def judge(self, offset: int, stored: bytes | None) -> Record | None:
        """Return the record at `offset` if it counts; the head moves on only then."""
        record = decode(stored)
        self.offset = offset
        if record is None or not self._counts(offset, record):
            return None
        assert stored is not None
        self._move(offset, record)
        self.head = sha256(self.head + stored).digest()
        return record

    def _counts(self, offset: int, record: Record) -> bool:
        if isinstance(record, Genesis) or offset == 0:
            return isinstance(record, Genesis) and offset == 0
        if isinstance(record, Claim):
            return record.max_level >= self.active
        if self.owner is None or record.owner != self.owner or record.prev != self.head:
            return False
        if isinstance(record, FeatureActivated):
            return self.active < record.level <= self.max_level
        source = record.source
        if source is not None and (source.first - self.last_source != 1 or source.first > source.last):
            return False
        return record.seq - self.n == 1 and record.level == self.active and len(record.decisions) <= 500

    def _move(self, offset: int, record: Record) -> None:
        if isinstance(record, Claim):
            self.owner = record.owner
            self.max_level = record.max_level
            self.claims[record.owner] = offset
        elif isinstance(record, FeatureActivated):
            self.active = record.level
        elif isinstance(record, Commit):
            self.n += 1
            if record.source is not None:
                self.last_source = record.source.last


def command_of(decision: LoggedDecision) -> CommandId:
    """Return whose and which command `decision` answers."""
    return (decision.principal, decision.client, decision.sequence)


def settled_by(kind: KindSpec, event: object) -> tuple[CommandId, object] | None:
    """Return the command that `event` answers for good, and the reply."""
    settled = kind.decider.settles(event)
    if settled is None:
        return None
    return (settled.principal, settled.client, settled.sequence), settled.reply
