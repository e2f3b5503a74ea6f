"""One commit on its way: decide what has arrived on the speculative state, and remember what to say once it holds.

Everything here is synchronous: between reading the state and queueing the record there is no await.
"""

from dataclasses import replace
from hashlib import sha256
from typing import Any, NamedTuple

from streams.domain.decider import TIMER, Decision, Rejected, Tick
from streams.domain.kind import CommandSpec
from streams.engine.admission import Verdict, admit
from streams.engine.own_commands import decide_own
from streams.engine.pending import NOBODY, Pending
from streams.engine.ports import ReplyTo
from streams.log.accept import LogHead
from streams.log.answers import StoredAnswer
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
from streams.log.vocabulary import ENGINE_COMMANDS, Vocabulary
from streams.wire.messages import Answer, TimerFailed

MAX_LONG = 2**63 - 1
MAX_DECISION_BYTES = MAX_COMMIT_BYTES - 4096
"""What decisions may take of a commit: the rest is for the envelope around them."""
MAX_ATTACHED_BYTES = 4 * 1024 * 1024
"""What the answers of one commit may carry beside it, about: bodies that they name."""
INTERNAL = Rejected("INTERNAL", "The platform failed on this command; nothing was changed. It is in the log.")


class TimerIdle(Exception):
    """A due timer decided nothing, and would be due for ever."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the timer of {key} was due and decided nothing")


class DecisionTooLarge(Exception):
    """One decision would not fit any commit: the kind that made it breaks its own bounds."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the decision takes {size} bytes, a commit holds {MAX_DECISION_BYTES}")


class NoRoom(Exception):
    """The decision does not fit this commit any more."""


class Savepoint(NamedTuple):
    """How far a batch had come, to go back to."""

    undo: int
    events: int
    decisions: int
    deliveries: int
    pushes: int
    bytes: int


class Batch:
    """The decisions of one commit, its record, and the answers that wait for its acceptance."""

    def __init__(
        self, vocabulary: Vocabulary, state: PartitionState, head: LogHead, lease_ms: int, mark_ms: int
    ) -> None:
        self.deliveries: list[tuple[ReplyTo, Answer]] = []
        self.undecided: list[tuple[ReplyTo, Answer]] = []
        """Answers that no commit decides, this one neither: no lease may be counted from them."""
        self.pushes: list[tuple[Settlement, Answer]] = []
        self.commands: list[Pending] = []
        self.decisions: list[LoggedDecision] = []
        self._rows: list[bytes] = []
        """The decisions, encoded."""
        self.record = b""
        self.head = head
        """The head the record extends; after `seal`, the head after it."""
        self.lease_ms = lease_ms
        self.mark_ms = mark_ms
        self.sent_ms = 0
        self.steps = 0
        """Undo steps that this batch took; known after `seal`."""
        self.failures: list[str] = []
        """Errors raised by code, one a decision that became INTERNAL or TimerFailed."""
        self._vocabulary = vocabulary
        self._state = state
        self._decider = vocabulary.kind.decider
        self._bytes = 0
        self.attached_bytes = 0
        """Of what the answers carry that is not in the log's record of them."""
        self._closed = False
        self._source: tuple[int, int, bytes] | None = None
        self._savepoint = state.undo.mark()
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
        return not self.decisions and self._source is None

    def add(self, pending: Pending) -> bool:
        """Decide one command, or repeat its answer. False: it does not fit any more, nothing happened."""
        source = self._source
        self.commands.append(pending)
        try:
            self._take_in(pending)
        except NoRoom:
            self.commands.pop()
            self._source, self._closed = source, True
            return False
        return True

    def _take_in(self, pending: Pending) -> None:
        if pending.lane == "TOPIC":
            first = self.head.last_source + 1 if self._source is None else self._source[0]
            self._source = (first, pending.offset, pending.raw)
        if pending.command is None:
            refusal = pending.refusal or Rejected("MALFORMED", "The command could not be decoded.")
            self._log(pending, pending.meta.floor, Decision((), refusal))
            return
        spec = self._vocabulary.specs[type(pending.command)]
        verdict, known = admit(pending, self._state, self.mark_ms, deduplicated=spec.deduplicated)
        if verdict is Verdict.DECIDE:
            self._decide(pending, spec)
        elif verdict is Verdict.REPEAT:
            self._repeat(pending, known)
        else:
            raised = verdict is Verdict.REFUSE_AND_RAISE_FLOOR
            above = min(pending.meta.sequence + 1, MAX_LONG)
            floor = max(pending.meta.floor, above) if raised else pending.meta.floor
            self._log(pending, floor, Decision((), known), spec)

    def tick(self, key: str) -> None:
        """Decide what is due on `key`; a timer that raises parks its key, visibly."""
        state = self._state.keys.get(key)
        deadline = None if state is None or key in self._state.parked else self._decider.next_deadline(state)
        if deadline is None:
            return
        if deadline > self.lease_ms:
            self._state.deadlines.schedule(key, deadline)
            return
        savepoint = self._save()
        try:
            context = self._state.context(self.lease_ms, self.head.active)
            decision = self._decider.decide(Tick(), TIMER, state, context)
            if not decision.events:
                raise TimerIdle(key)
            self._log_timer(key, decision)
        except NoRoom:
            self._later(key, deadline, savepoint)
            return
        except Exception as error:
            self._restore(savepoint)
            self._park(key, deadline, error)
            return
        after = self._state.keys.get(key)
        again = None if after is None else self._decider.next_deadline(after)
        if again is not None:
            self._state.deadlines.schedule(key, again)

    def _park(self, key: str, deadline: int, error: Exception) -> None:
        savepoint, failed = self._save(), TimerFailed(repr(error)[:500])
        try:
            self._log_timer(key, Decision((failed,), None))
            self.failures.append(f"timer of {key}: {error!r}")
        except NoRoom:
            self._later(key, deadline, savepoint)

    def _later(self, key: str, deadline: int, savepoint: Savepoint) -> None:
        self._restore(savepoint)
        self._state.deadlines.schedule(key, deadline)
        self._closed = True

    def seal(self) -> bytes:
        """Make the record and move `head` past it."""
        claim = self.head.claim
        assert claim is not None
        source = None
        if self._source is not None:
            first, last, raw = self._source
            source = Source(first, last, sha256(raw).digest())
        head = self.head.copy()
        bare = Commit(
            claim.owner, head.head, head.n + 1, self.lease_ms, self.mark_ms, head.active, source, ()
        )
        self.record = encode_commit(bare, self._rows)
        commit = replace(bare, decisions=tuple(self.decisions))
        reason = head.accept(-1, commit, self.record)
        assert reason is None, reason
        self.head = head
        self.steps = self._state.undo.mark() - self._savepoint
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

    def coalesce(self, gathered: tuple[Pending, ...], spec: CommandSpec) -> bool:
        """Decide commands of one type and tenant, gathered for a while, as one. False: it does not fit.

        What is refused is answered and not logged: such commands are not deduplicated, and there may be many.
        """
        before = (len(self.commands), len(self.deliveries), len(self.undecided))
        self.commands.extend(gathered)
        try:
            self._coalesce(gathered, spec)
        except NoRoom:
            del self.commands[before[0] :], self.deliveries[before[1] :], self.undecided[before[2] :]
            self._closed = True
            return False
        return True

    def _coalesce(self, gathered: tuple[Pending, ...], spec: CommandSpec) -> None:
        admitted = []
        for pending in gathered:
            verdict, known = admit(pending, self._state, self.mark_ms, deduplicated=False)
            if verdict is Verdict.DECIDE:
                admitted.append(pending)
            else:
                _tell(self.undecided, pending, self._vocabulary.encode_reply(known))
        if not admitted:
            return
        try:
            joint = self._joint(admitted, spec)
        except Exception as error:
            self.failures.append(f"gathering {len(admitted)} {spec.type.__name__}: {error!r}")
            for pending in admitted:
                _tell(self.undecided, pending, self._vocabulary.encode_reply(INTERNAL))
            return
        self._decide(joint, CommandSpec(type(joint.command), deduplicated=False))
        for pending in admitted:
            _tell(self.deliveries, pending, self.decisions[-1].reply)

    def _joint(self, gathered: list[Pending], spec: CommandSpec) -> Pending:
        assert spec.coalesce is not None
        merged = spec.coalesce(tuple((pending.who, pending.command) for pending in gathered))
        tenant = gathered[0].meta.tenant
        key = f"{tenant}/{self._vocabulary.kind.key_of(merged)}"
        return Pending("ENGINE", replace(NOBODY, tenant=tenant), merged, key, TIMER, b"", 0)

    def take_back(self) -> None:
        """Undo the begun, unsealed batch: nothing was to be logged."""
        self._state.undo.back_to(self._savepoint)

    def _decide(self, pending: Pending, spec: CommandSpec) -> None:
        savepoint, state = self._save(), self._state
        try:
            context = state.context(self.lease_ms, self.head.active)
            if type(pending.command) in ENGINE_COMMANDS:
                decision = decide_own(pending.command, state, self.mark_ms)
            else:
                decision = self._decider.decide(
                    pending.command, pending.who, state.state_of(pending.key), context
                )
            self._log(pending, pending.meta.floor, decision, spec)
        except NoRoom:
            self._restore(savepoint)
            raise
        except Exception as error:
            self._restore(savepoint)
            self.failures.append(f"{type(pending.command).__name__} on {pending.key}: {error!r}")
            self._log(pending, pending.meta.floor, Decision((), INTERNAL), spec)

    def _log(
        self, pending: Pending, floor: int, decision: Decision[Any, Any], spec: CommandSpec | None = None
    ) -> None:
        meta, encoded = pending.meta, pending.meta_bytes
        if floor != meta.floor:
            meta, encoded = replace(meta, floor=floor), b""
        reply = self._vocabulary.encode_reply(decision.reply)
        logged = LoggedDecision(
            pending.lane,
            pending.who.principal,
            meta,
            pending.hash if spec is not None and spec.deduplicated else b"",
            type(pending.command).__name__ if pending.command is not None else "",
            pending.key,
            decision.waiting,
            self._encode(decision.events),
            reply,
        )
        self._append(logged, encoded or encode_meta(meta), decision, pending)
        if pending.reply_to is not None:
            payloads = self._payloads(pending.key, decision.reply)
            self.deliveries.append(
                (pending.reply_to, Answer(meta.sequence, decision.waiting, reply, payloads))
            )

    def _log_timer(self, key: str, decision: Decision[Any, Any]) -> None:
        logged = _timer(key, self._encode(decision.events))
        self._append(logged, encode_meta(logged.meta), decision, None)

    def _append(
        self, logged: LoggedDecision, meta: bytes, decision: Decision[Any, Any], pending: Pending | None
    ) -> None:
        row = encode_row(logged, meta)
        size = len(row)
        if size > MAX_DECISION_BYTES:
            raise DecisionTooLarge(size)
        if self._rows and (self._bytes + size > MAX_DECISION_BYTES or len(self._rows) >= MAX_DECISIONS):
            raise NoRoom
        settled = self._state.decided(logged, decision.events, decision.after)
        self.decisions.append(logged)
        self._rows.append(row)
        self._bytes += size
        for settlement in settled:
            if pending is not None and _asked(pending, settlement):
                continue
            payloads = self._payloads(settlement.key, settlement.reply)
            self.pushes.append((settlement, Answer(settlement.sequence, False, settlement.stored, payloads)))

    def _save(self) -> Savepoint:
        state = self._state
        taken = len(self.decisions), len(self.deliveries), len(self.pushes), self._bytes
        return Savepoint(state.undo.mark(), state.events, *taken)

    def _restore(self, to: Savepoint) -> None:
        self._state.undo.back_to(to.undo)
        self._state.events, self._bytes = to.events, to.bytes
        del self.decisions[to.decisions :], self._rows[to.decisions :]
        del self.deliveries[to.deliveries :], self.pushes[to.pushes :]

    def _repeat(self, pending: Pending, known: StoredAnswer | Rejected | None) -> None:
        if not isinstance(known, StoredAnswer):
            if pending.lane == "TOPIC" and known is not None:
                self._log(pending, pending.meta.floor, Decision((), known))
            _tell(self.undecided, pending, self._vocabulary.encode_reply(known))
        elif pending.reply_to is not None:
            payloads: tuple[bytes, ...] = ()
            if self._vocabulary.kind.attached is not None:
                payloads = self._payloads(pending.key, self._vocabulary.decode_reply(known.reply))
            answer = Answer(pending.meta.sequence, known.waiting, known.reply, payloads)
            self.deliveries.append((pending.reply_to, answer))

    def _payloads(self, key: str, reply: object) -> tuple[bytes, ...]:
        attached = self._vocabulary.kind.attached
        if attached is None:
            return ()
        payloads = tuple(map(self._vocabulary.encode_reply, attached(self._state.state_of(key), reply)))
        self.attached_bytes += sum(map(len, payloads))
        return payloads

    def _encode(self, events: tuple[Any, ...]) -> tuple[bytes, ...]:
        return tuple(map(self._vocabulary.encode_event, events))


def _tell(told: list[tuple[ReplyTo, Answer]], pending: Pending, reply: bytes) -> None:
    if pending.reply_to is not None:
        told.append((pending.reply_to, Answer(pending.meta.sequence, False, reply)))


def _asked(pending: Pending, settlement: Settlement) -> bool:
    who = pending.who
    return (settlement.sequence, settlement.client, settlement.principal) == (
        who.sequence,
        who.client,
        who.principal,
    )


def _timer(key: str, events: tuple[bytes, ...]) -> LoggedDecision:
    nobody = replace(NOBODY, tenant=key.partition("/")[0])
    return LoggedDecision("TIMER", "", nobody, b"", "Tick", key, False, events, b"")
