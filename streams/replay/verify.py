"""The verifier: walks one partition's log and proves, or refutes, what it promises. Pure: records in, report out.

It trusts the accept rule for what counts, and nothing else: not the decider, not the fold, not the owners.
"""

from collections.abc import Iterable
from typing import Any

from schemas.errors import SchemaError
from streams.domain.decider import GENERATION_SHIFT, Rejected
from streams.domain.value import value
from streams.log.judged import Judge, Judged
from streams.log.ports import Stored
from streams.log.positions import PartitionId, Position
from streams.log.reader import MAX_LEVEL, LogHalt
from streams.log.records import MAX_COMMIT_BYTES, Claim, Commit, FeatureActivated, Genesis, LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.replay.findings import Report
from streams.replay.kinds import INVARIANTS
from streams.replay.once import OncePerCommand
from streams.replay.ownership import Ownership
from streams.replay.sessions import EndedSessions
from streams.wire.murmur2 import partition_of


@value
class Decided:
    """A logged decision with its events and reply decoded; `reply` is None for a timer's."""

    position: Position
    decision: LoggedDecision
    events: tuple[Any, ...]
    reply: Any


@value
class SourceMark:
    """A commit's word on the commands topic: the offset of the last command it decided, and its hash."""

    position: Position
    last: int
    hash: bytes


class Verification:
    """One walk along one log. Feed `record` in order, then `finish`."""

    def __init__(self, where: PartitionId, vocabulary: Vocabulary, max_level: int = MAX_LEVEL) -> None:
        self.report = Report(where)
        self.sources: list[SourceMark] = []
        """To be compared with the commands topic: `check_sources`."""
        self.halted = False
        self._judge = Judge(where)
        self._vocabulary = vocabulary
        self._max_level = max_level
        self._ownership = Ownership()
        self._once = OncePerCommand()
        self._ended = EndedSessions()
        self._invariants = INVARIANTS[where.kind]() if where.kind in INVARIANTS else None
        self._generation = 0
        self._partitions = 0
        self._clocks = (0, 0)

    def record(self, stored: Stored) -> list[Decided]:
        """Check the next record; return its decisions if it counts. After a halt, nothing is checked."""
        if self.halted:
            return []
        report = self.report
        try:
            judged = self._judge.judge(stored)
        except LogHalt as halt:
            report.violate(halt.position, "HOLE", str(halt))
            self.halted = True
            return []
        report.records += 1
        broken = self._ownership.record(judged.position, judged.record, judged.void, self._judge.head.n)
        if broken is not None:
            report.violate(
                broken, "CHAIN_BROKEN", "the owner's commits from here on extend a record that is not here"
            )
        if judged.void is not None:
            report.voids[judged.void] += 1
            if stored.offset == 0:
                self._halt(judged.position, "IDENTITY", "record 0 is no Genesis: this is not a Tidelock log")
            return []
        return self._accepted(judged)

    def finish(self) -> Report:
        """Return the report."""
        self.report.head = self._judge.head.head.hex()
        if self._invariants is not None:
            self._invariants.finish(self.report)
        return self.report

    def _accepted(self, judged: Judged) -> list[Decided]:
        match judged.record:
            case Commit():
                return self._commit(judged, judged.record)
            case Claim():
                self.report.claims += 1
            case Genesis():
                self._genesis(judged.position, judged.record)
            case FeatureActivated() if judged.record.level > self._max_level:
                newer = f"feature level {judged.record.level} is newer than this release. Upgrade it"
                self._halt(judged.position, "UNREADABLE", newer)
            case _:
                pass
        return []

    def _halt(self, position: Position, code: str, what: str) -> None:
        self.report.violate(position, code, what)
        self.halted = True

    def _genesis(self, position: Position, genesis: Genesis) -> None:
        self._generation, self._partitions = genesis.generation, genesis.partitions
        found = PartitionId(genesis.kind, genesis.partition)
        if found != self.report.where:
            self.report.violate(
                position, "IDENTITY", f"the log says it is {found}, it stands in {self.report.where}"
            )

    def _commit(self, judged: Judged, commit: Commit) -> list[Decided]:
        report, position = self.report, judged.position
        report.commits += 1
        lease_ms, mark_ms = self._clocks
        if commit.lease_ms < lease_ms or commit.mark_ms < mark_ms:
            now = f"({commit.lease_ms}, {commit.mark_ms})"
            report.violate(
                position, "TIME_WENT_BACK", f"(lease time, mark) is {now} after ({lease_ms}, {mark_ms})"
            )
        self._clocks = (commit.lease_ms, commit.mark_ms)
        if len(judged.stored) > MAX_COMMIT_BYTES:
            report.violate(position, "OVERSIZED", f"the commit has {len(judged.stored)} bytes")
        if commit.source is not None:
            self.sources.append(SourceMark(position, commit.source.last, commit.source.hash))
        elif any(decision.lane == "TOPIC" for decision in commit.decisions):
            report.violate(position, "SOURCE", "it decides commands of the topic lane without saying which")
        self._once.sweep(commit.mark_ms)
        decided: list[Decided] = []
        for decision in commit.decisions:
            one = self._decoded(position, decision)
            if one is None:
                return decided
            self._decision(commit, one)
            decided.append(one)
        return decided

    def _decoded(self, position: Position, decision: LoggedDecision) -> Decided | None:
        words = self._vocabulary
        try:
            events = tuple(map(words.decode_event, decision.events))
            reply = words.decode_reply(decision.reply) if decision.reply else None
        except SchemaError as error:
            self._halt(position, "UNREADABLE", f"{decision.command} on {decision.key}: {error}")
            return None
        return Decided(position, decision, events, reply)

    def _decision(self, commit: Commit, decided: Decided) -> None:
        report, decision, position = self.report, decided.decision, decided.position
        report.decisions += 1
        report.answers += decision.lane in {"DIRECT", "TOPIC"}

        def complain(code: str, what: str) -> None:
            report.violate(position, code, what)

        key = decision.key
        if decided.events and key:
            if partition_of(key, self._partitions or 1) != report.where.partition:
                complain("PLACE", f"{key} belongs to partition {partition_of(key, self._partitions or 1)}")
            if key.partition("/")[0] != decision.tenant:
                complain("PLACE", f"{key} is changed for tenant {decision.tenant}")
        code = decided.reply.code if isinstance(decided.reply, Rejected) else ""
        twice = self._once.decision(position.offset, commit, decision, code)
        if twice is not None:
            complain(*twice)
        if decided.reply is None and decision.lane in {"DIRECT", "TOPIC"}:
            complain("REPLY", f"{decision.command} on {key} has no reply")
        if decided.events and self._ended.refuses(decision):
            complain("SESSION_OVER", f"{decision.command} on {key} for session {decision.meta.session}")
        for event in decided.events:
            report.events += 1
            self._ended.event(event, decision)
            if self._invariants is not None:
                number = (self._generation << GENERATION_SHIFT) | report.events
                self._invariants.event(number, event, decision, commit.lease_ms, complain)
        if self._invariants is not None and decided.reply is not None:
            self._invariants.reply(decided.reply, decision, complain)


def verify(where: PartitionId, vocabulary: Vocabulary, records: Iterable[Stored]) -> Report:
    """Return what a walk along `records`, one partition's whole log, finds."""
    walk = Verification(where, vocabulary)
    for stored in records:
        walk.record(stored)
    return walk.finish()
