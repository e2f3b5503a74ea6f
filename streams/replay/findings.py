"""What a verification finds: violations, each at its position, and the count of everything that was looked at."""

from collections import Counter
from dataclasses import dataclass, field

from streams.domain.value import value
from streams.log.positions import PartitionId, Position

MAX_KEPT = 100
"""Violations that are kept word for word; beyond it they are only counted."""

CODES = {
    "UNREADABLE": "an accepted record holds bytes this release cannot read",
    "IDENTITY": "the log is not the one it should be (Genesis)",
    "HOLE": "offsets are missing",
    "CHAIN_BROKEN": "a record before this one was altered, added or removed",
    "TIME_WENT_BACK": "lease time or wall mark ran backwards",
    "OVERSIZED": "a commit is larger than allowed",
    "SOURCE": "the log and the commands topic do not fit",
    "PLACE": "a decision is in the wrong partition or under a foreign tenant's key",
    "ANSWERED_TWICE": "one command was decided more than once",
    "TOO_LATE": "a command was decided past its deadline, or below its client's floor",
    "REPLY": "an answer does not fit the events beside it",
    "TOKEN": "a fencing token or ticket is not the number of its event",
    "CONFLICT": "two that exclude each other had one thing at once: a lock, a line, a node, an instance",
    "NO_SUCH_LEASE": "an event names a lease that is not alive",
    "NO_SUCH_WAIT": "an event ends a wait that is not open",
    "STOLEN": "something was changed by somebody other than whose it is",
    "EARLY": "a lease, wait, session or brake ended before its time, or was shortened",
    "NO_SUCH_SESSION": "an event is of a session that is not live, or has not ended",
    "SESSION_OVER": "a command was decided for a session whose end the partition had been told",
    "NO_SUCH_INSTANCE": "an event names an instance that is not offered by that session",
    "EVIDENCE": "what a verdict says it rests on is not what the log has",
    "NO_SUCH_LISTENER": "an event is of a cache or an attachment that is not there, or may get no lines",
    "NO_SUCH_LINE": "an event is of a line that is not held, or not in that state",
    "CALLS": "a listener's calls, or its acknowledgements, are not in order",
    "LEASE": "a lease was given or extended beyond its bound",
    "CHANGING": "an entry was granted, kept or changed while it was being changed",
    "UNACKNOWLEDGED": "a strict change was in force before everybody whose line it ended had acknowledged",
    "STALE": "a read was answered with a value that is not in force",
    "LOST": "a Modified line ended, unwritten, without a word",
    "BRAKED": "a session was swept that the brake was to keep, or the brake moved from where it was not",
    "NO_SUCH_MESSAGE": "an event names a message that is not there, or not in that state",
    "REDELIVERED": "a message was delivered that somebody had, or that was no more to be delivered",
    "OUT_OF_ORDER": "a message overtook an earlier one of its group",
    "ATTEMPTS": "a message was delivered too often, or its deliveries were miscounted",
}
"""Stable codes of violations, and what each says."""


@value
class Violation:
    """A broken promise, and the record that shows it."""

    position: Position
    code: str
    what: str


@dataclass(slots=True)
class Report:
    """The outcome of verifying one partition. It holds iff `ok`."""

    where: PartitionId
    records: int = 0
    claims: int = 0
    commits: int = 0
    decisions: int = 0
    answers: int = 0
    """Decisions that answer a command that somebody sent."""
    events: int = 0
    greatest_token: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    """What the kind counts besides: grants, what is still held, ..."""
    head: str = ""
    """The chain's head after the last record, in hex: two equal logs have equal heads."""
    voids: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    """Violations by code, all of them."""

    @property
    def ok(self) -> bool:
        """Whether no promise was broken."""
        return not self.codes

    @property
    def violation_count(self) -> int:
        """How many promises were broken."""
        return self.codes.total()

    def violate(self, position: Position, code: str, what: str) -> None:
        """Note a broken promise."""
        assert code in CODES, code
        self.codes[code] += 1
        if len(self.violations) < MAX_KEPT:
            self.violations.append(Violation(position, code, what))
