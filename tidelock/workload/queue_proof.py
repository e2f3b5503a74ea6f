"""The proof of a run on a queue: the journal of its producers and consumers against the log, and the log by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from streams.replay.findings import Report
from tidelock.workload.journal import Handout, Journal
from tidelock.workload.proof import Line, Matcher, answer_lines, rules_line
from tidelock.workload.queue_ledger import Ledger
from tidelock.workload.recorder import Recorder

SHOWN = 3


@dataclass(slots=True)
class Faults:
    """What speaks against one claim, by what it is; the first ones word for word."""

    counts: dict[str, int]
    first: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, *names: str) -> "Faults":
        """Return none of each."""
        return cls(dict.fromkeys(names, 0))

    def add(self, name: str, which: str) -> None:
        """Note one."""
        self.counts[name] += 1
        if len(self.first) < SHOWN:
            self.first.append(f"{which} {name}")

    def line(self, claim: str, about: str) -> Line:
        """Return the verdict."""
        counted = ", ".join(f"{count:,} {name}" for name, count in self.counts.items())
        first = f"; first: {'; '.join(self.first)}" if self.first else ""
        return Line(claim, not any(self.counts.values()), f"{about}, {counted}{first}")


def queue_proof(
    reports: Sequence[Report], matcher: Matcher, recorder: Recorder, ledger: Ledger, journal: Journal
) -> list[Line]:
    """Return what is proved and what is not."""
    asked, put, done = len(journal.ios), len(journal.put), len(journal.acked & journal.put.keys())
    others = f", and {journal.foreign:,} of earlier runs" if journal.foreign else ""
    return [
        Line("every request was put", put == asked, f"{put:,} of {asked:,}"),
        Line("every message was handled", done == put, f"{done:,} of {put:,}{others}"),
        rules_line(reports),
        _kept(ledger, journal),
        _final(ledger, journal),
        _ordered(ledger, journal),
        _attempts(ledger, journal),
        _seen(ledger, journal),
        *answer_lines(matcher, recorder),
    ]


def _kept(ledger: Ledger, journal: Journal) -> Line:
    """Every confirmed put is one message in the log and acknowledged once, and there are no others."""
    faults = Faults.of("lost", "acknowledged twice", "extra", "altered")
    for line, message in journal.put.items():
        life = ledger.life(message)
        if life is None or life.line != line or not life.acks or life.ends:
            faults.add("lost", f"line {line} (message {message})")
    in_log: set[int] = set()
    for place, life in ledger.lives.items():
        which = f"message {'.'.join(map(str, place))}"
        told = journal.put.get(life.line)
        mine = told is not None and (told.shard, told.incarnation, told.number) == place
        if life.line in in_log or not (mine or life.line in journal.uncertain):
            faults.add("extra", which)
        in_log.add(life.line)
        if life.altered:
            faults.add("altered", which)
        if len(life.acks) > 1:
            faults.add("acknowledged twice", which)
    for handout in journal.handouts:
        if handout.altered:
            faults.add("altered", f"message {handout.message} as handed out")
    return faults.line("nothing was lost, nothing is extra", f"{len(ledger.lives):,} messages in the log")


def _final(ledger: Ledger, journal: Journal) -> Line:
    """What is acknowledged is never delivered again, nor handed out."""
    faults, acked = Faults.of("delivered again", "handed out again"), dict[int, int]()
    for place, life in ledger.lives.items():
        if life.came_back:
            faults.add("delivered again", f"message {'.'.join(map(str, place))}")
    for handout in journal.handouts:
        settled = acked.get(handout.line)
        if settled is not None and settled < handout.began:
            faults.add("handed out again", f"message {handout.message}")
        if handout.is_acked:
            acked.setdefault(handout.line, handout.settled)
    return faults.line("nothing acknowledged came back", f"{len(acked):,} acknowledged")


def _ordered(ledger: Ledger, journal: Journal) -> Line:
    """Of a group, one at a time and in order: as consumers were handed them, had done them, and by the log."""
    faults = Faults.of("handed out, done or acknowledged out of order")
    (name,) = faults.counts
    groups: dict[str, Handout] = {}
    done: dict[str, int] = {}
    for handout in journal.handouts:  # in the order in which they were handed out
        before = groups.get(handout.group)
        if before is not None and not _may_follow(before, handout, ledger):
            faults.add(name, f"line {handout.line} of group {handout.group}")
        groups[handout.group] = handout
    for handout in sorted((each for each in journal.handouts if each.is_acked), key=lambda each: each.ended):
        if handout.line < done.get(handout.group, 0):
            faults.add(name, f"line {handout.line} of group {handout.group}")
        done[handout.group] = handout.line
    for group, lines in ledger.acked.items():
        if lines != sorted(lines):
            faults.add(name, f"group {group} in the log")
    largest = max(map(len, ledger.acked.values()), default=0)
    return faults.line("every group was in order", f"{len(groups):,} groups of up to {largest:,}")


def _may_follow(before: Handout, handout: Handout, ledger: Ledger) -> bool:
    """Say whether a group's next one may be this: the same again, or a later one after the other was done or died."""
    if handout.line == before.line:
        return True
    life = ledger.life(before.message)
    over = before.is_acked or (life is not None and before.token in life.acks + life.deaths)
    return before.line < handout.line and over and 0 < before.ended < handout.began


def _attempts(ledger: Ledger, journal: Journal) -> Line:
    """The delivery that was acknowledged is the first one after all that failed."""
    faults = Faults.of("miscounted")
    failed: dict[tuple[int, int], int] = {}
    for each in journal.handouts:
        if each.failed and each.settled:
            failed[each.line, each.token] = each.attempt
    by_line: dict[int, int] = {}
    for line, _ in failed:
        by_line[line] = by_line.get(line, 0) + 1
    lapsed = given_back = 0
    for place, life in ledger.lives.items():
        lapsed, given_back = lapsed + life.lapsed, given_back + life.given_back
        unheard = sum((life.line, token) not in failed for token in life.nacks)
        due = 1 + by_line.get(life.line, 0) + unheard + life.lapsed
        last = life.deliveries[-1].attempt if life.deliveries else 0
        if life.acks and (last != due or len(life.deliveries) != due + life.given_back):
            faults.add("miscounted", f"message {'.'.join(map(str, place))} (attempt {last} instead of {due})")
    about = f"{len(failed):,} failures, {lapsed:,} lapsed leases, {given_back:,} given back unworked"
    return faults.line("attempts are failures + 1", about)


def _seen(ledger: Ledger, journal: Journal) -> Line:
    """Whatever consumers were handed and were told is in the log, and the log has nothing of which they do not know."""
    faults = Faults.of("not delivered by the log", "confirmed but not in the log", "settled by nobody here")
    ended: set[tuple[int, int]] = set()
    for each in journal.handouts:
        life, which = ledger.life(each.message), f"message {each.message}"
        by_log = [] if life is None else [(one.token, one.attempt, one.client) for one in life.deliveries]
        if (each.token, each.attempt, each.client) not in by_log:
            faults.add("not delivered by the log", which)
        logged = [] if life is None else life.nacks + life.deaths if each.failed else life.acks
        if each.settled and each.token not in logged:
            faults.add("confirmed but not in the log", which)
        if each.ended:
            ended.add((each.line, each.token))
    for place, life in ledger.lives.items():
        if any((life.line, token) not in ended for token in (*life.acks, *life.nacks)):
            faults.add("settled by nobody here", f"message {'.'.join(map(str, place))}")
    return faults.line("consumers saw what the log says", f"{len(journal.handouts):,} handed out")
