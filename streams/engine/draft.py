"""One commit in the making: decisions folded into the speculative state and encoded, until it is sealed.

Everything here is synchronous: between reading the state and queueing the record there is no await.
"""

from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from schemas.meta import CommandMeta
from streams.domain.decider import Decision
from streams.engine.pending import NOBODY, Pending
from streams.engine.ports import ReplyTo
from streams.log.accept import LogHead
from streams.log.envelope import encode, encode_commit, encode_meta, encode_row
from streams.log.fold import PartitionState, Settlement
from streams.log.records import (
    MAX_COMMIT_BYTES,
    MAX_DECISIONS,
    Commit,
    FeatureActivated,
    LoggedDecision,
    Source,
)
from streams.log.vocabulary import Vocabulary
from streams.wire.keys import tenant_of
from streams.wire.messages import Answer

MAX_DECISION_BYTES = MAX_COMMIT_BYTES - 4096
"""What decisions may take of a commit: the rest is for the envelope around them."""
MAX_ATTACHED_BYTES = 4 * 1024 * 1024
"""What the answers of one commit may carry beside it, about: bodies that they name."""


class DecisionTooLarge(Exception):
    """One decision would not fit any commit: the kind that made it breaks its own bounds."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the decision takes {size} bytes, a commit holds {MAX_DECISION_BYTES}")


class NoRoom(Exception):
    """The decision does not fit this commit any more."""


class Savepoint(NamedTuple):
    """How far a draft had come, to go back to."""

    undo: int
    events: int
    decisions: int
    deliveries: int
    pushes: int
    bytes: int


class CommitDraft:
    """The decisions of one commit, its record, and the answers that wait for its acceptance."""

    def __init__(
        self, vocabulary: Vocabulary, state: PartitionState, head: LogHead, lease_ms: int, mark_ms: int
    ) -> None:
        self.deliveries: list[tuple[ReplyTo, Answer]] = []
        self.pushes: list[tuple[Settlement, Answer]] = []
        self.decisions: list[LoggedDecision] = []
        self.record = b""
        self.head = head
        """The head the record extends; after `seal`, the head after it."""
        self.lease_ms = lease_ms
        self.mark_ms = mark_ms
        self.steps = 0
        """Undo steps that this draft took; known after `seal`."""
        self.attached_bytes = 0
        """Of what the answers carry that is not in the log's record of them."""
        self.vocabulary = vocabulary
        self.decider = vocabulary.kind.decider
        self.state = state
        self.source: tuple[int, int, bytes] | None = None
        """Of the topic lane's commands: first and last offset, and the last one's bytes."""
        self._joined: tuple[object, object, tuple[bytes, ...]] = (None, None, ())
        """A state, an answer, and the encodings of what was joined to it: many may be told the same."""
        self._rows: list[bytes] = []
        """The decisions, encoded."""
        self._bytes = 0
        self._closed = False
        self._begun = state.undo.mark()
        state.begin(lease_ms, mark_ms)

    @property
    def full(self) -> bool:
        """Whether the commit is large enough, or something did not fit any more."""
        return (
            self._closed
            or len(self.decisions) >= MAX_DECISIONS
            or self._bytes >= MAX_COMMIT_BYTES // 2
            or self.attached_bytes >= MAX_ATTACHED_BYTES
        )

    @property
    def empty(self) -> bool:
        """Whether there is nothing to log."""
        return not self.decisions and self.source is None

    def close(self) -> None:
        """Take no more: something did not fit."""
        self._closed = True

    def append(
        self, logged: LoggedDecision, meta: bytes, decision: Decision[Any, Any], pending: Pending | None
    ) -> None:
        """Fold a decision and take it into the commit. Raises `NoRoom`, `DecisionTooLarge`; nothing is changed then."""
        row = encode_row(logged, meta)
        size = len(row)
        if size > MAX_DECISION_BYTES:
            raise DecisionTooLarge(size)
        if self._rows and (self._bytes + size > MAX_DECISION_BYTES or len(self._rows) >= MAX_DECISIONS):
            raise NoRoom
        settled = self.state.decided(logged, decision.events, decision.after)
        self.decisions.append(logged)
        self._rows.append(row)
        self._bytes += size
        for settlement in settled:
            if pending is not None and _asked(pending, settlement):
                continue
            payloads = self.payloads(settlement.key, settlement.reply)
            self.pushes.append((settlement, Answer(settlement.sequence, False, settlement.stored, payloads)))

    def save(self) -> Savepoint:
        """Return a savepoint."""
        state = self.state
        taken = len(self.decisions), len(self.deliveries), len(self.pushes), self._bytes
        return Savepoint(state.undo.mark(), state.events, *taken)

    def restore(self, to: Savepoint) -> None:
        """Take back what came after `to`."""
        self.state.undo.back_to(to.undo)
        self.state.events, self._bytes = to.events, to.bytes
        del self.decisions[to.decisions :], self._rows[to.decisions :]
        del self.deliveries[to.deliveries :], self.pushes[to.pushes :]

    def append_timer(self, key: str, command: str, decision: Decision[Any, Any]) -> None:
        """Take in what the engine itself had `key` decide. Raises as `append`."""
        nobody, meta = _nobody_of(tenant_of(key))
        logged = LoggedDecision(
            "TIMER", "", nobody, b"", command, key, False, self.encode(decision.events), b""
        )
        self.append(logged, meta, decision, None)

    def payloads(self, key: str, reply: object) -> tuple[bytes, ...]:
        """Return the encodings of what an answer only names."""
        attached = self.vocabulary.kind.attached
        if attached is None:
            return ()
        state = self.state.state_of(key)
        of, answered, payloads = self._joined
        if state is not of or reply != answered:
            payloads = tuple(map(self.vocabulary.encode_reply, attached(state, reply)))
            self._joined = state, reply, payloads
        self.attached_bytes += sum(map(len, payloads))
        return payloads

    def encode(self, events: tuple[Any, ...]) -> tuple[bytes, ...]:
        """Return the encodings of events."""
        return tuple(map(self.vocabulary.encode_event, events))

    def seal(self) -> bytes:
        """Make the record and move `head` past it."""
        claim = self.head.claim
        assert claim is not None
        source = None
        if self.source is not None:
            first, last, raw = self.source
            source = Source(first, last, sha256(raw).digest())
        head = self.head.copy()
        begun = (claim.owner, head.head, head.n + 1, self.lease_ms, self.mark_ms, head.active, source)
        self.record = encode_commit(Commit(*begun, ()), self._rows)
        commit = Commit(*begun, tuple(self.decisions))
        reason = head.accept(-1, commit, self.record)
        assert reason is None, reason
        self.head = head
        self.steps = self.state.undo.mark() - self._begun
        return self.record

    def seal_feature(self, level: int) -> bool:
        """Make this batch the activation of `level` instead of a commit; False if the accept rule would void it."""
        claim = self.head.claim
        assert claim is not None
        head = self.head.copy()
        activation = FeatureActivated(claim.owner, head.head, level)
        record = encode(activation)
        if head.accept(-1, activation, record) is not None:
            return False
        self.take_back()
        self.record, self.head = record, head
        return True

    def take_back(self) -> None:
        """Undo the begun, unsealed batch: nothing was to be logged."""
        self.state.undo.back_to(self._begun)


@lru_cache(maxsize=1024)
def _nobody_of(tenant: str) -> tuple[CommandMeta, bytes]:
    """Return the meta of decisions that nobody asked for, as a value and encoded."""
    meta = replace(NOBODY, tenant=tenant)
    return meta, encode_meta(meta)


def _asked(pending: Pending, settlement: Settlement) -> bool:
    who = pending.who
    return (settlement.sequence, settlement.client, settlement.principal) == (
        who.sequence,
        who.client,
        who.principal,
    )
