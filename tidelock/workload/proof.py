"""The proof: what the clients were told against what the log says, and the log against itself."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from streams.log.vocabulary import Vocabulary
from streams.replay.findings import Report
from streams.replay.verify import Decided
from tidelock.workload.recorder import CommandKey, Heard, Recorder

LOCKS = ("CONFLICT", "NO_SUCH_LEASE", "NO_SUCH_WAIT", "STOLEN", "EARLY")
"""Violations that say that mutual exclusion failed."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to be proved."""

    claim: str
    ok: bool
    evidence: str


class Matcher:
    """Looks each logged outcome up among the answers that were heard. Told of all that counts, in log order."""

    def __init__(
        self, recorder: Recorder, vocabulary: Vocabulary, replaced: frozenset[str] = frozenset()
    ) -> None:
        """`replaced`: commands whose place the next of them takes: after a lost connection only that is sent again."""
        self.matched = 0
        self.repeated = 0
        """Answers that were given once more, from an earlier commit, after a connection was lost."""
        self.decided: Counter[CommandKey] = Counter()
        self.replaceable: set[CommandKey] = set()
        self._replaced = replaced
        self._left = {key: list(them) for key, them in recorder.heard.items()}
        self._clients = recorder.clients
        self._words = vocabulary
        self._settles = vocabulary.kind.decider.settles
        self._unheard: dict[CommandKey, list[Heard]] = {}

    def take(self, decided: Sequence[Decided]) -> None:
        """Match the outcomes of one record's decisions."""
        for one in decided:
            decision, where = one.decision, one.position
            partition, offset = where.partition.partition, where.offset
            if decision.client in self._clients:
                key = (decision.client, decision.sequence)
                self.decided[key] += 1
                if decision.command in self._replaced:
                    self.replaceable.add(key)
                self._outcome(key, Heard(partition, offset, decision.waiting, decision.reply))
            for event in one.events:
                settled = self._settles(event)
                if settled is not None and settled.client in self._clients:
                    reply = self._words.encode_reply(settled.reply)
                    self._outcome((settled.client, settled.sequence), Heard(partition, offset, False, reply))

    def finish(self) -> list[tuple[CommandKey, Heard]]:
        """Return the answers that the log does not bear out."""
        wrong = []
        for key, left in self._left.items():
            for heard in left:
                if self._is_repeat(key, heard):
                    self.repeated += 1
                else:
                    wrong.append((key, heard))
        return wrong

    def _outcome(self, key: CommandKey, outcome: Heard) -> None:
        left = self._left.get(key)
        if left is not None and outcome in left:
            left.remove(outcome)
            self.matched += 1
        if left:  # the same outcome may have been told again, under a later offset
            self._unheard.setdefault(key, []).append(outcome)

    def _is_repeat(self, key: CommandKey, heard: Heard) -> bool:
        earlier = (
            o
            for o in self._unheard.get(key, ())
            if o.partition == heard.partition and o.offset <= heard.offset
        )
        return any((o.waiting, o.reply) == (heard.waiting, heard.reply) for o in earlier)


def proof(
    reports: Sequence[Report], matcher: Matcher, recorder: Recorder, requests: tuple[int, int]
) -> list[Line]:
    """Return what is proved of a run on locks, and what is not. `requests`: (served, all)."""
    codes = sum((report.codes for report in reports), Counter[str]())
    grants, leases = sum(r.counts["grants"] for r in reports), sum(r.counts["held"] for r in reports)
    locks, tokens = sum(codes[code] for code in LOCKS), codes["TOKEN"]
    greatest = ", ".join(f"{r.where}: {r.greatest_token & 0xFFFFFFFFFFFF:,}" for r in reports)
    served, asked = requests
    held = f"{grants:,} grants, {locks} conflicts, {leases} held at the end"
    return [
        Line("every request was served", served == asked, f"{served:,} of {asked:,}"),
        rules_line(reports),
        Line("no two holders ever conflicted", not locks, held),
        Line("fencing tokens only rose", not tokens, f"{tokens} out of order; last event {greatest}"),
        *answer_lines(matcher, recorder),
    ]


def rules_line(reports: Sequence[Report]) -> Line:
    """Return whether the verified logs keep every rule."""
    total = sum(report.violation_count for report in reports)
    records, decisions = sum(r.records for r in reports), sum(r.decisions for r in reports)
    evidence = f"{records:,} records, {decisions:,} decisions, {total} violations"
    return Line("the log keeps every rule", not total, evidence)


def answer_lines(matcher: Matcher, recorder: Recorder) -> list[Line]:
    """Return whether the answers are those of the log, one a command."""
    wrong = matcher.finish()
    twice = [key for key, count in matcher.decided.items() if count > 1]
    unheard = matcher.decided.keys() - recorder.heard.keys()
    silent = unheard - matcher.replaceable
    first = f"; first: client {wrong[0][0][0]}, command {wrong[0][0][1]}, {wrong[0][1]}" if wrong else ""
    repeated = f", {matcher.repeated} repeated" if matcher.repeated else ""
    exact = f"{matcher.matched:,} of {recorder.answers:,} byte for byte at their offsets"
    once = f"{len(matcher.decided):,} commands, {len(twice)} twice, {len(silent)} without an answer"
    if len(unheard) > len(silent):
        once += f" ({len(unheard) - len(silent)} more were replaced by the next)"
    return [
        Line("every answer is in the log", not wrong, f"{exact}{repeated}, {len(wrong)} not{first}"),
        Line("every command was decided once", not twice and not silent, once),
    ]
