"""The judge: every promise of design sections 3 to 5, checked while a history runs.

It sees what no participant sees (true time, every record as it lands, every answer as it leaves) and shares no
bookkeeping with the engine: accept rule, leases, clocks and outcomes are its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from schemas.errors import SchemaError
from streams.domain.decider import Rejected
from streams.engine.errors import ClockSkew, OwnerError
from streams.engine.owner import Owner
from streams.engine.pending import Pending
from streams.log.ports import Stored
from streams.log.reader import LogHalt, PartitionReader
from streams.log.records import Claim, Commit, FeatureActivated, LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.wire.messages import NO_COMMIT, Answer
from tests.simulation.clocks import Begun, Clocks
from tests.simulation.log import EPOCH_MS, Landing, Topic
from tests.simulation.loop import SimLoop
from tests.simulation.network import PRINCIPAL
from tests.simulation.oracle import CommandId, Oracle, Outcome, command_of, settled_by
from tests.simulation.subject import Subject
from tests.simulation.trust import Trust

if TYPE_CHECKING:
    from tests.simulation.worker import Worker

REFUSALS = ("EXPIRED", "DEADLINE_TOO_FAR", "STALE", "SEQUENCE_REUSED", "SESSION_ENDED", "WRONG_PARTITION")
Watch = Callable[[Commit, LoggedDecision, Sequence[Any], float], None]
"""Gets the commit, one of its decisions with the events, and the true time when it was sent."""
MAX_AHEAD_MS = 10 * 60_000
MAX_FAR_CLIENTS = 2
"""So few clients are remembered for a far deadline while a history runs."""
ROUNDING_S = 0.002
"""What whole milliseconds may add to a trust that is right."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What the judge must know of a command that was sent."""

    hash: bytes
    command: Any


class Judge:
    """Collects violations; the first one ends the history."""

    def __init__(
        self,
        loop: SimLoop,
        tail: PartitionReader,
        vocabulary: Vocabulary,
        commands: Topic,
        subject: Subject,
    ) -> None:
        self.violations: list[str] = []
        self.oracle = Oracle()
        self.tail = tail
        """A reader of the product's own, as API nodes and projections run it."""
        self.trust = Trust(loop.time, self.fail)
        self.sent: dict[CommandId, list[Sent]] = {}
        """What clients asked for, by command."""
        self.users: set[str] = set()
        """Clients that are the real library."""
        self.workers: dict[str, Worker] = {}
        self.dead_letters: list[int] = []
        self.answers = 0
        self.lease_ms = 0
        """The lease time of the newest commit that counts."""
        self._loop = loop
        self.vocabulary = vocabulary
        self._commands = commands
        self._subject = subject
        self.books = subject.books(self)
        self.watches: list[Watch] = []
        """Who else is to see each decision, once the books have it."""
        self._joint: dict[int, list[bytes]] = {}
        """What was decided for many at once (heartbeats), by offset."""
        self._clocks = Clocks(self.fail)
        self._decided_source = -1
        self._accepted: set[int] = set()
        self._activations: set[tuple[bytes, int]] = set()
        """What an operator asked for: (the claim of the ownership that heard it, level)."""

    def fail(self, what: str) -> None:
        """Note a violation and end the history."""
        self.violations.append(f"{self._loop.now:.4f} s: {what}")
        self._loop.halted = True

    def asked(self, pending: Pending) -> None:
        """A connection took in a command. The real library does not tell the judge what it sends: note it here."""
        if pending.meta.client not in self.users:
            return
        sent = Sent(pending.hash, pending.command)
        known = self.sent.setdefault((PRINCIPAL, pending.meta.client, pending.meta.sequence), [])
        if sent not in known:
            known.append(sent)

    def activating(self, owner: bytes, level: int) -> None:
        """An operator asks the ownership that claimed as `owner` to activate a level."""
        self._activations.add((owner, level))

    def learnt(self, client: str, until: float) -> None:
        """A client believes that lease time will not come to where it stands in the log before true time `until`."""
        if until > self._loop.now + ROUNDING_S:
            self.fail(
                f"{client} takes lease time {self.lease_ms}, which is logged, "
                f"for {until - self._loop.now:.3f} s ahead"
            )

    def undecided(self) -> int:
        """Return how many commands of the topic lane the log does not cover."""
        return len(self._commands.records) - 1 - self.oracle.last_source

    # ── the log ─────────────────────────────────────────────────────────────────────────────────────────────

    def appending(self, landing: Landing) -> None:
        """An owner hands a record to its writer."""
        unacked = sum(1 for one in landing.writer.open if not one.future.done())
        if unacked > 2:
            self.fail(f"{unacked} records of one owner are in flight")
        if len(landing.value) > 1024 * 1024:
            self.fail(f"a record of {len(landing.value)} bytes")

    def landed(self, stored: Stored, landing: Landing | None) -> None:
        """A record stands in the log."""
        record = self.oracle.judge(stored.offset, stored.value)
        try:
            accepted = self.tail.read(stored.offset, stored.value)
        except LogHalt as halt:
            self.fail(f"a reader of the newest version halts: {halt}")
            return
        if (record is None) != (accepted is None) or self.tail.head.head != self.oracle.head:
            self.fail(
                f"accept rule: record {stored.offset} counts: {record is not None}, "
                f"says the reader: {accepted is not None}"
            )
        if record is None:
            return
        self._accepted.add(stored.offset)
        if isinstance(record, Claim):
            skew = self._broker_skew(stored)
            self._clocks.claim(record, Begun(self._loop.now, stored.timestamp_ms, skew))
        elif isinstance(record, FeatureActivated):
            self._activated(stored.offset, record, landing)
        elif isinstance(record, Commit):
            if landing is None:
                self.fail(f"commit {stored.offset} counts, but no owner sent it there")
            else:
                self._commit(stored.offset, record, landing)

    def _activated(self, offset: int, record: FeatureActivated, landing: Landing | None) -> None:
        if landing is None or (record.owner, record.level) not in self._activations:
            self.fail(
                f"level {record.level} is activated at offset {offset}, "
                "though nobody asked the ownership that wrote it"
            )
        elif self.workers[landing.writer.process.name].max_level < record.level:
            self.fail(f"{landing.writer.process.name} activates level {record.level}, which it does not know")

    def _broker_skew(self, stored: Stored) -> int:
        return stored.timestamp_ms - EPOCH_MS - int(self._loop.now * 1000)

    def _commit(self, offset: int, commit: Commit, landing: Landing) -> None:
        worker = self.workers[landing.writer.process.name]
        frozen = [*worker.freezes]
        self._clocks.commit(commit, landing, frozen, worker.skew_ms)
        if worker.max_level < commit.level:
            self.fail(f"{worker.name} of level {worker.max_level} decides at level {commit.level}")
        if len(landing.value) > 512 * 1024:
            self.fail(f"a commit of {len(landing.value)} bytes")
        self.lease_ms = commit.lease_ms
        self._source(commit)
        state = self.tail.state
        first = state.context(0, 0).token(-sum(len(decision.events) for decision in commit.decisions))
        for decision in commit.decisions:
            self._decision(offset, commit, decision, first, landing.sent_at)
            first += len(decision.events)
        for key in {decision.key for decision in commit.decisions if decision.events}:
            self.books.compare(key, state.state_of(key))
        next_deadline = self.vocabulary.kind.decider.next_deadline
        pending = (key for key, each in state.keys.items() if next_deadline(each) is not None)
        self._clocks.folded(deadline_pending=any(key not in state.parked for key in pending))

    def _decision(
        self, offset: int, commit: Commit, decision: LoggedDecision, first: int, sent_at: float
    ) -> None:
        self.oracle.decisions += 1
        oracle, who = self.oracle, command_of(decision)
        if decision.lane in {"DIRECT", "TOPIC"} and decision.command:
            self._once(commit, decision)
            client = (decision.principal, decision.client)
            if decision.hash:
                oracle.floors[client] = max(oracle.floors.get(client, 0), decision.floor)
                if decision.deadline_ms > commit.mark_ms + MAX_AHEAD_MS:
                    oracle.far.add(client)
            if decision.hash and (
                bool(decision.events) or code_of(self.vocabulary, decision.reply) not in REFUSALS
            ):
                oracle.hashes.setdefault(who, (decision.hash, decision.deadline_ms))
            oracle.outcomes.setdefault(who, []).append(Outcome(offset, decision.waiting, decision.reply))
        events = [self.vocabulary.decode_event(stored) for stored in decision.events]
        self.books.decided(commit, decision, events, first, sent_at, self.sent.get(who, ()))
        for watch in self.watches:
            watch(commit, decision, events, sent_at)
        if decision.lane == "ENGINE":
            self._joint.setdefault(offset, []).append(decision.reply)
        for event in events:
            if type(event) is self._subject.releases.newest and commit.level < 2:
                self.fail(f"{event} is written at level {commit.level}, before the level that introduces it")
            settled = settled_by(self.vocabulary.kind, event)
            if settled is not None and settled[0] in oracle.outcomes:
                reply = self.vocabulary.encode_reply(settled[1])
                oracle.outcomes[settled[0]].append(Outcome(offset, False, reply))

    def _once(self, commit: Commit, decision: LoggedDecision) -> None:
        who = command_of(decision)
        executed = bool(decision.events) or code_of(self.vocabulary, decision.reply) not in REFUSALS
        if not executed or not decision.hash:
            return
        before = self.oracle.hashes.get(who)
        if before is not None and (before[0] == decision.hash or before[1] > commit.mark_ms):
            self.fail(f"command {who} is decided twice: {self.oracle.outcomes[who]}, then {decision}")
        if decision.sequence < self.oracle.floors.get((decision.principal, decision.client), 0):
            self.fail(f"command {who} is decided though the client's floor has passed it")
        if decision.deadline_ms <= commit.mark_ms:
            self.fail(
                f"command {who} is decided at mark {commit.mark_ms}, after its deadline {decision.deadline_ms}"
            )
        if decision.deadline_ms > commit.mark_ms + MAX_AHEAD_MS:
            self.fail(
                f"command {who} is decided at mark {commit.mark_ms}, "
                f"with a deadline {decision.deadline_ms} too far away"
            )
        if decision.hash not in {c.hash for c in self.sent.get(who, [])}:
            self.fail(f"command {who} is logged under a hash that is not its own")

    def _source(self, commit: Commit) -> None:
        decisions = [one for one in commit.decisions if one.lane == "TOPIC"]
        if commit.source is None:
            if decisions:
                self.fail("topic-lane decisions in a commit without a source")
            return
        records = self._commands.records[commit.source.first : commit.source.last + 1]
        if len(records) != commit.source.last - commit.source.first + 1:
            self.fail(f"{commit.source} names commands that are not in the topic")
            return
        if sha256(records[-1].value or b"").digest() != commit.source.hash:
            self.fail(f"the hash of {commit.source} is not that of its last command")
        pending = iter([*decisions, None])
        decision = next(pending)
        new = {command_of(one) for one in commit.decisions if one.lane == "DIRECT"}
        for record in records:
            if self._answers_record(decision, record):
                assert decision is not None
                new.add(command_of(decision))
                decision = next(pending)
            elif not self._known(record, new):
                self.fail(
                    f"command {record.offset} of the topic lane is skipped, or out of order, by {commit.source}"
                )
        if decision is not None:
            self.fail(f"a topic-lane decision answers no command of {commit.source}: {decision}")

    def _answers_record(self, decision: LoggedDecision | None, record: Stored) -> bool:
        if decision is None:
            return False
        try:
            meta, _ = self.vocabulary.decode_command(record.value or b"")
        except SchemaError:
            self.dead_letters.append(record.offset)
            return decision.command == ""
        return (decision.client, decision.sequence) == (meta.client, meta.sequence)

    def _known(self, record: Stored, new: set[CommandId]) -> bool:
        try:
            meta, _ = self.vocabulary.decode_command(record.value or b"")
        except SchemaError:
            return False
        return any(("app", meta.client, meta.sequence) in seen for seen in (self.oracle.outcomes, new))

    # ── answers ─────────────────────────────────────────────────────────────────────────────────────────────

    def answered(
        self, principal: str, client: str, offset: int, lease_ms: int, answers: list[Answer]
    ) -> None:
        """An owner hands answers to a connection: each must be in the accepted log by now, or say that it is not."""
        if offset == NO_COMMIT:
            if lease_ms:
                self.fail(f"answers that no commit decided tell lease time {lease_ms}")
        elif offset > self.oracle.offset or offset not in self._accepted:
            self.fail(
                f"answers of offset {offset} leave while the log counts nothing there (end {self.oracle.offset})"
            )
        for answer in answers:
            self.answers += 1
            who = (principal, client, answer.sequence)
            past = [o for o in self.oracle.outcomes.get(who, []) if o.offset <= offset]
            now = [one for one in past if one.offset == offset]
            before = [one for one in past if one.offset < offset]
            if any(
                (one.waiting, one.reply) == (answer.waiting, answer.reply) for one in (*before[-1:], *now)
            ):
                continue
            if self._is_gathered(who) and answer.reply in self._joint.get(offset, ()):
                continue
            if offset != NO_COMMIT or not self._refusal(who, answer):
                self.fail(f"{who} is answered {answer} at offset {offset}, the log says {past}")

    def _is_gathered(self, who: CommandId) -> bool:
        specs = self.vocabulary.specs
        return any(specs[type(sent.command)].coalesce is not None for sent in self.sent.get(who, ()))

    def _refusal(self, who: CommandId, answer: Answer) -> bool:
        """Say whether the log bears out an answer that is not logged itself."""
        reply = self.vocabulary.decode_reply(answer.reply)
        if not isinstance(reply, Rejected):
            return False
        if reply.code == "DEADLINE_TOO_FAR":
            return len(self.oracle.far - {who[:2]}) >= MAX_FAR_CLIENTS
        if reply.code == "STALE":
            return who[2] < self.oracle.floors.get(who[:2], 0)
        if reply.code == "SEQUENCE_REUSED":
            hashes = {command.hash for command in self.sent.get(who, [])}
            return len(hashes) > 1
        if self._is_gathered(who):
            return True
        return reply.code == "INTERNAL" and who not in self.oracle.hashes

    def impostor(self, client: str, answer: Answer) -> None:
        """A client used a sequence again, for another command: nothing but a refusal may come back."""
        code = code_of(self.vocabulary, answer.reply)
        if code not in REFUSALS and code not in self._subject.harmless:
            self.fail(
                f"{client} used sequence {answer.sequence} for another command, and is answered {answer}"
            )

    # ── memory ──────────────────────────────────────────────────────────────────────────────────────────────

    def compare(self, owner: Owner) -> None:
        """An owner whose every commit is accepted must remember exactly what the log says."""
        mine, tail = owner.reader, self.tail
        if owner.phase != "leading" or owner._in_flight or mine.next_offset != tail.next_offset:
            return
        self.same(mine, "an owner's memory")

    def same(self, mine: PartitionReader, whose: str) -> None:
        """Compare a fold with the tail's."""
        tail = self.tail
        a, b = mine.state, tail.state
        views: list[tuple[str, Callable[[PartitionReader], object]]] = [
            (
                "head",
                lambda r: (r.head.head, r.head.n, r.head.last_source, r.head.source_hash, r.head.active),
            ),
            ("clocks", lambda r: (r.state.lease_ms, r.state.mark_ms, r.state.events, r.state.generation)),
            ("keys", lambda r: r.state.keys),
            ("far clients", lambda r: r.state.answers.far),
            ("parked", lambda r: (r.state.parked, r.state.ended_sessions)),
        ]
        for name, view in views:
            if view(mine) != view(tail):
                self.fail(f"{whose}: {name} {view(mine)}, the log's {view(tail)}")
        if a.answers.clients.keys() != b.answers.clients.keys():
            self.fail(f"{whose}: answers of {list(a.answers.clients)}, the log's {list(b.answers.clients)}")
            return
        for client, entry in b.answers.clients.items():
            other = a.answers.clients[client]
            if any(getattr(other, slot) != getattr(entry, slot) for slot in type(entry).__slots__):
                self.fail(f"{whose}: answers of {client} are {other.answers}, the log's {entry.answers}")

    def troubled(self, error: Exception) -> None:
        """An ownership ended with `error`: an engine that fails by accident is a bug, too."""
        if not isinstance(error, OwnerError) and not hasattr(error, "code"):
            self.fail(f"an owner failed: {error!r}")
        if isinstance(error, OwnerError) and error.fatal and not isinstance(error, ClockSkew):
            self.fail(f"an owner closed the partition without cause: {error!r}")


def code_of(vocabulary: Vocabulary, reply: bytes) -> str:
    """Return the code of a logged refusal; of any other reply, nothing."""
    if not reply:
        return ""
    decoded = vocabulary.decode_reply(reply)
    return decoded.code if isinstance(decoded, Rejected) else ""
