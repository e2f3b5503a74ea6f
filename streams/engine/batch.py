"""One commit on its way: decide what has arrived on the speculative state, and remember what to say once it holds."""

from dataclasses import replace
from typing import Any

from streams.domain.decider import TIMER, Decision, Rejected
from streams.domain.kind import CommandSpec
from streams.engine.admission import Verdict, admit
from streams.engine.draft import CommitDraft, NoRoom
from streams.engine.own_commands import decide_own
from streams.engine.pending import NOBODY, Pending
from streams.engine.ports import ReplyTo
from streams.engine.timers import Timers
from streams.log.accept import LogHead
from streams.log.answers import StoredAnswer
from streams.log.envelope import encode_meta
from streams.log.fold import PartitionState
from streams.log.records import LoggedDecision
from streams.log.vocabulary import ENGINE_COMMANDS, Vocabulary
from streams.wire.messages import Answer

MAX_LONG = 2**63 - 1
INTERNAL = Rejected("INTERNAL", "The platform failed on this command; nothing was changed. It is in the log.")


class Batch(CommitDraft):
    """A commit, and the commands that it decides or answers."""

    def __init__(
        self, vocabulary: Vocabulary, state: PartitionState, head: LogHead, lease_ms: int, mark_ms: int
    ) -> None:
        super().__init__(vocabulary, state, head, lease_ms, mark_ms)
        self.undecided: list[tuple[ReplyTo, Answer]] = []
        """Answers that no commit decides, this one neither: no lease may be counted from them."""
        self.commands: list[Pending] = []
        self.sent_ms = 0
        self.failures: list[str] = []
        """Errors raised by code, one a decision that became INTERNAL or TimerFailed."""
        self.timers = Timers(self, self.failures)

    def add(self, pending: Pending) -> bool:
        """Decide one command, or repeat its answer. False: it does not fit any more, nothing happened."""
        source = self.source
        self.commands.append(pending)
        try:
            self._take_in(pending)
        except NoRoom:
            self.commands.pop()
            self.source = source
            self.close()
            return False
        return True

    def _take_in(self, pending: Pending) -> None:
        if pending.lane == "TOPIC":
            first = self.head.last_source + 1 if self.source is None else self.source[0]
            self.source = (first, pending.offset, pending.raw)
        if pending.command is None:
            refusal = pending.refusal or Rejected("MALFORMED", "The command could not be decoded.")
            self._log(pending, pending.meta.floor, Decision((), refusal))
            return
        spec = self.vocabulary.specs[type(pending.command)]
        verdict, known = admit(pending, self.state, self.mark_ms, deduplicated=spec.deduplicated)
        if verdict is Verdict.DECIDE:
            self._decide(pending, spec)
        elif verdict is Verdict.REPEAT:
            self._repeat(pending, known)
        else:
            raised = verdict is Verdict.REFUSE_AND_RAISE_FLOOR
            above = min(pending.meta.sequence + 1, MAX_LONG)
            floor = max(pending.meta.floor, above) if raised else pending.meta.floor
            self._log(pending, floor, Decision((), known), spec)

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
            self.close()
            return False
        return True

    def _coalesce(self, gathered: tuple[Pending, ...], spec: CommandSpec) -> None:
        admitted = []
        for pending in gathered:
            verdict, known = admit(pending, self.state, self.mark_ms, deduplicated=False)
            if verdict is Verdict.DECIDE:
                known = self._not_gathered(pending, spec)
            if known is None:
                admitted.append(pending)
            else:
                _tell(self.undecided, pending, self.vocabulary.encode_reply(known))
        if not admitted:
            return
        try:
            joint = self._joint(admitted, spec)
        except Exception as error:
            self.failures.append(f"gathering {len(admitted)} {spec.type.__name__}: {error!r}")
            for pending in admitted:
                _tell(self.undecided, pending, self.vocabulary.encode_reply(INTERNAL))
            return
        self._decide(joint, CommandSpec(type(joint.command), deduplicated=False))
        self._tell_each(admitted, self.decisions[-1].reply)

    def _tell_each(self, gathered: list[Pending], reply: bytes) -> None:
        """Answer each with what its own key's state joins to the answer that they share."""
        decoded = None if self.vocabulary.kind.attached is None else self.vocabulary.decode_reply(reply)
        for pending in gathered:
            if pending.reply_to is not None:
                payloads = () if decoded is None else self.payloads(pending.key, decoded)
                answer = Answer(pending.meta.sequence, False, reply, payloads)
                self.deliveries.append((pending.reply_to, answer))

    def _not_gathered(self, pending: Pending, spec: CommandSpec) -> Rejected | None:
        """Return why the command is refused by itself, by the state of the key that it names."""
        if spec.refuse is None:
            return None
        try:
            return spec.refuse(pending.command, pending.who, self.state.state_of(pending.key))
        except Exception as error:
            self.failures.append(f"{spec.type.__name__} on {pending.key}: {error!r}")
            return INTERNAL

    def _joint(self, gathered: list[Pending], spec: CommandSpec) -> Pending:
        assert spec.coalesce is not None
        merged = spec.coalesce(tuple((pending.who, pending.command) for pending in gathered))
        tenant = gathered[0].meta.tenant
        key = f"{tenant}/{self.vocabulary.kind.key_of(merged)}"
        return Pending("ENGINE", replace(NOBODY, tenant=tenant), merged, key, TIMER, b"", 0)

    def _decide(self, pending: Pending, spec: CommandSpec) -> None:
        savepoint, state = self.save(), self.state
        try:
            context = state.context(self.lease_ms, self.head.active)
            if type(pending.command) in ENGINE_COMMANDS:
                decision = decide_own(pending.command, pending.meta.tenant, state, self.mark_ms)
            else:
                decision = self.decider.decide(
                    pending.command, pending.who, state.state_of(pending.key), context
                )
            self._log(pending, pending.meta.floor, decision, spec)
        except NoRoom:
            self.restore(savepoint)
            raise
        except Exception as error:
            self.restore(savepoint)
            self.failures.append(f"{type(pending.command).__name__} on {pending.key}: {error!r}")
            self._log(pending, pending.meta.floor, Decision((), INTERNAL), spec)

    def _log(
        self, pending: Pending, floor: int, decision: Decision[Any, Any], spec: CommandSpec | None = None
    ) -> None:
        meta, encoded = pending.meta, pending.meta_bytes
        if floor != meta.floor:
            meta, encoded = replace(meta, floor=floor), b""
        reply = self.vocabulary.encode_reply(decision.reply)
        logged = LoggedDecision(
            pending.lane,
            pending.who.principal,
            meta,
            pending.hash if spec is not None and spec.deduplicated else b"",
            type(pending.command).__name__ if pending.command is not None else "",
            pending.key,
            decision.waiting,
            self.encode(decision.events),
            reply,
        )
        self.append(logged, encoded or encode_meta(meta), decision, pending)
        if pending.reply_to is not None:
            payloads = self.payloads(pending.key, decision.reply)
            self.deliveries.append(
                (pending.reply_to, Answer(meta.sequence, decision.waiting, reply, payloads))
            )

    def _repeat(self, pending: Pending, known: StoredAnswer | Rejected | None) -> None:
        if not isinstance(known, StoredAnswer):
            if pending.lane == "TOPIC" and known is not None:
                self._log(pending, pending.meta.floor, Decision((), known))
            _tell(self.undecided, pending, self.vocabulary.encode_reply(known))
        elif pending.reply_to is not None:
            payloads: tuple[bytes, ...] = ()
            if self.vocabulary.kind.attached is not None:
                payloads = self.payloads(pending.key, self.vocabulary.decode_reply(known.reply))
            answer = Answer(pending.meta.sequence, known.waiting, known.reply, payloads)
            self.deliveries.append((pending.reply_to, answer))


def _tell(told: list[tuple[ReplyTo, Answer]], pending: Pending, reply: bytes) -> None:
    if pending.reply_to is not None:
        told.append((pending.reply_to, Answer(pending.meta.sequence, False, reply)))
