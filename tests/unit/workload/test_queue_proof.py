"""The proof of the queue workload: whatever went wrong, in the log or in the hands of consumers, must be found."""

from __future__ import annotations

from typing import Any

import pytest

from streams.domain.queues.events import (
    Attempt,
    MessagesAcked,
    MessagesDelivered,
    MessagesDied,
    MessagesPurged,
    MessagesReturned,
    QueueDeleted,
    Return,
    ReturnCause,
)
from streams.replay.verify import Verification
from tests.unit.replay.queue_logbook import HERE, WORDS, QueueBook, enqueued, message
from tidelock.client.queues.codecs import Json
from tidelock.client.queues.ids import MessageId
from tidelock.workload.journal import Handout, Journal, group_of, payload_of
from tidelock.workload.proof import Line, Matcher
from tidelock.workload.queue_ledger import Ledger
from tidelock.workload.queue_proof import queue_proof
from tidelock.workload.recorder import Recorder
from tidelock.workload.trace import BlockIo

PRODUCER, CONSUMER = "p", "c"
FIRST, SECOND, OTHER = (BlockIo(line, "2a", 512, lbn) for line, lbn in ((2, 8), (3, 8), (4, 16)))
"""Two of one group, one of another."""

PUT = "every request was put"
HANDLED = "every message was handled"
RULES = "the log keeps every rule"
KEPT = "nothing was lost, nothing is extra"
FINAL = "nothing acknowledged came back"
ORDERED = "every group was in order"
ATTEMPTS = "attempts are failures + 1"
SEEN = "consumers saw what the log says"
ANSWERED = {"every answer is in the log", "every command was decided once"}
"""Of these the locks' tests tell; here nobody hears answers."""


class Trial:
    """A log and a journal that grow together, as one likes."""

    def __init__(self) -> None:
        self.book = QueueBook().begun().create("q")
        self.incarnation = self.book.number
        self.journal = Journal.of("r", (FIRST, SECOND, OTHER))
        self.places = 0
        self.tokens: dict[int, int] = {}

    def put(self, *ios: BlockIo, told: bool = True, first: int = 1) -> Trial:
        """Put as messages `first` and on."""
        kept = [message(Json().encode(payload_of(io, "r")), group_of(io)) for io in ios]
        self.book.did("q", enqueued(first, *kept, client=PRODUCER), client=PRODUCER)
        for number, io in enumerate(ios, first):
            if told:
                self.journal.was_put(io.line, self.id(number))
        return self

    def deliver(self, number: int, attempt: int = 1) -> Trial:
        """Lease a message to the consumer."""
        token = self.tokens[number] = self.book.number + 1
        one = MessagesDelivered(
            "app", CONSUMER, "", 1, None, "", self.incarnation, token, 10**6, (Attempt(number, attempt),)
        )
        self.book.did("q", one, client=CONSUMER)
        return self

    def hand(self, io: BlockIo, number: int, attempt: int = 1, **changes: Any) -> Handout:
        """Hand the message to a handler, and end it."""
        began, ended = self._place(), self._place()
        made: dict[str, Any] = {
            "message": self.id(number), "token": self.tokens.get(number, 0), "attempt": attempt, "client": CONSUMER,
            "line": io.line, "group": group_of(io), "altered": False, "began": began, "ended": ended,
        }  # fmt: skip
        handout = Handout(**(made | changes))
        self.journal.handouts.append(handout)
        return handout

    def ack(self, handout: Handout, *, heard: bool = True) -> Trial:
        self.book.did("q", MessagesAcked("", (handout.message.number,)), client=CONSUMER)
        if heard:
            self.hear(handout)
        return self

    def hear(self, handout: Handout) -> Trial:
        """The consumer is told that it is done, whatever the log says."""
        handout.settled = self._place()
        self.journal.acked.add(handout.line)
        return self

    def back(self, number: int, attempts: int, cause: ReturnCause = "NACKED") -> Trial:
        one = MessagesReturned("", cause, "", (Return(number, 0, attempts),))
        self.book.did("q", one, client=CONSUMER, at=10**6 if cause == "EXPIRED" else None)
        return self

    def fail(self, handout: Handout) -> Trial:
        handout.failed, handout.settled = True, self._place()
        return self.back(handout.message.number, handout.attempt)

    def handle(self, io: BlockIo, number: int, attempt: int = 1) -> Trial:
        """Deliver, hand out and acknowledge."""
        self.deliver(number, attempt)
        return self.ack(self.hand(io, number, attempt))

    def id(self, number: int) -> MessageId:
        return MessageId(0, self.incarnation, number)

    def lines(self) -> dict[str, Line]:
        recorder = Recorder(clients={PRODUCER, CONSUMER})
        walk, matcher = Verification(HERE, WORDS), Matcher(recorder, WORDS)
        ledger = Ledger("dev", "q", recorder.clients, self.journal)
        for stored in self.book.records:
            decided = walk.record(stored)
            matcher.take(decided)
            ledger.take(decided)
        return {
            line.claim: line for line in queue_proof([walk.finish()], matcher, recorder, ledger, self.journal)
        }

    def failed(self) -> set[str]:
        return {claim for claim, line in self.lines().items() if not line.ok} - ANSWERED

    def _place(self) -> int:
        self.places += 1
        return self.places


def honest() -> Trial:
    """All three are put; the first fails once; all are handled."""
    trial = Trial().put(FIRST, SECOND, OTHER).deliver(1)
    trial.fail(trial.hand(FIRST, 1))
    return trial.handle(FIRST, 1, attempt=2).handle(OTHER, 3).handle(SECOND, 2)


def test_an_honest_run_is_proved() -> None:
    trial = honest()
    assert trial.failed() == set()
    evidence = {claim: line.evidence for claim, line in trial.lines().items()}
    assert evidence[KEPT].startswith("3 messages in the log, 0 lost")
    assert evidence[ORDERED].startswith("2 groups of up to 2, 0 handed out")
    assert evidence[ATTEMPTS].startswith("1 failures, 0 lapsed leases, 0 given back unworked, 0 miscounted")
    assert evidence[SEEN].startswith("4 handed out, 0 not")


def test_what_is_given_back_unworked_and_what_lapses_is_counted_right() -> None:
    trial = Trial().put(FIRST, SECOND, OTHER)
    trial.deliver(3).back(3, 0).deliver(3).back(3, 0, "WITHDRAWN").handle(OTHER, 3)
    trial.handle(FIRST, 1).deliver(2).back(2, 1, "EXPIRED").deliver(2, 2)
    trial.book.did("q", client=CONSUMER, at=10**6)
    trial.ack(trial.hand(SECOND, 2, 2))
    evidence = trial.lines()[ATTEMPTS].evidence
    assert evidence == "0 failures, 1 lapsed leases, 2 given back unworked, 0 miscounted"


def test_a_request_that_was_not_put_is_found() -> None:
    trial = Trial().put(FIRST, SECOND).handle(FIRST, 1).handle(SECOND, 2)
    assert trial.failed() == {PUT}


def test_a_put_that_was_told_and_is_not_in_the_log_is_lost() -> None:
    trial = Trial().put(FIRST, SECOND).handle(FIRST, 1).handle(SECOND, 2)
    trial.journal.was_put(OTHER.line, trial.id(3))
    assert trial.failed() == {HANDLED, KEPT}
    assert f"line {OTHER.line}" in trial.lines()[KEPT].evidence


def test_a_message_that_nobody_handled_is_lost() -> None:
    assert Trial().put(FIRST, SECOND, OTHER).handle(FIRST, 1).handle(SECOND, 2).failed() == {HANDLED, KEPT}


@pytest.mark.parametrize(
    "end", [MessagesDied("", "ATTEMPTS", "", (Attempt(3, 1),), None, 0), MessagesPurged("", (3,))]
)
def test_a_message_that_died_or_was_purged_is_lost(end: Any) -> None:
    trial = Trial().put(FIRST, SECOND, OTHER).handle(FIRST, 1).handle(SECOND, 2)
    if isinstance(end, MessagesDied):
        trial.deliver(3)
    trial.book.did("q", end)
    assert trial.failed() == {HANDLED, KEPT}


def test_a_failure_of_which_a_message_died_is_the_consumers_own() -> None:
    trial = Trial().put(FIRST, SECOND, OTHER).handle(FIRST, 1).handle(SECOND, 2).deliver(3)
    handout = trial.hand(OTHER, 3, failed=True)
    trial.book.did("q", MessagesDied("", "ATTEMPTS", "", (Attempt(3, 1),), None, 0))
    handout.settled = handout.ended + 1
    assert trial.failed() == {HANDLED, KEPT}


def test_a_queue_deleted_under_the_run_is_found() -> None:
    trial = Trial().put(FIRST, SECOND, OTHER).handle(FIRST, 1)
    trial.book.did("q", QueueDeleted(2))
    assert trial.failed() == {HANDLED, KEPT}


def test_a_message_that_is_twice_in_the_log_is_extra() -> None:
    trial = honest().put(OTHER, told=False, first=4)
    assert trial.failed() == {KEPT}
    assert "1 extra" in trial.lines()[KEPT].evidence


def test_a_put_of_unknown_outcome_may_be_in_the_log_once() -> None:
    trial = Trial().put(FIRST, SECOND).handle(FIRST, 1).handle(SECOND, 2).put(OTHER, told=False, first=3)
    trial.journal.was_refused(OTHER.line)
    assert trial.failed() == {PUT}
    assert trial.put(OTHER, told=False, first=4).failed() == {PUT, KEPT}


def test_another_payload_in_the_log_than_was_put_is_found() -> None:
    trial = Trial()
    trial.journal.ios = {io.line: io for io in (FIRST, SECOND, BlockIo(OTHER.line, "28", 512, OTHER.lbn))}
    trial.put(FIRST, SECOND, OTHER).handle(FIRST, 1).handle(SECOND, 2).handle(OTHER, 3)
    assert trial.failed() == {KEPT}
    assert "1 altered" in trial.lines()[KEPT].evidence


def test_another_payload_in_the_hands_of_a_consumer_is_found() -> None:
    trial = honest()
    trial.journal.handouts[-1].altered = True
    assert trial.failed() == {KEPT}


def test_an_acknowledged_message_that_is_delivered_again_is_found() -> None:
    trial = honest().deliver(3, 2)
    assert trial.failed() == {RULES, FINAL, ATTEMPTS}
    trial.ack(trial.hand(OTHER, 3, 2))
    assert trial.failed() == {RULES, KEPT, FINAL, ATTEMPTS}
    assert "1 delivered again, 1 handed out again" in trial.lines()[FINAL].evidence


def test_an_acknowledged_message_that_is_handed_out_again_is_found_though_the_log_knows_nothing_of_it() -> (
    None
):
    trial = honest()
    trial.hand(SECOND, 2)
    assert trial.failed() == {FINAL}


def test_a_group_that_was_acknowledged_in_another_order_is_found() -> None:
    trial = Trial().put(FIRST, SECOND, OTHER).handle(SECOND, 2).handle(FIRST, 1).handle(OTHER, 3)
    assert trial.failed() == {RULES, ORDERED}


def test_a_group_of_which_two_are_handled_at_a_time_is_found() -> None:
    trial = Trial().put(FIRST, SECOND, OTHER).deliver(1)
    first = trial.hand(FIRST, 1)
    trial.ack(first).handle(SECOND, 2).handle(OTHER, 3)
    assert trial.failed() == set()
    second = trial.journal.handouts[1]
    second.began, first.ended = first.ended, second.began
    assert trial.failed() == {ORDERED}


def test_a_group_that_goes_on_before_the_failed_one_came_again_is_found() -> None:
    trial = Trial().put(FIRST, SECOND, OTHER).deliver(1)
    trial.fail(trial.hand(FIRST, 1)).handle(SECOND, 2).handle(FIRST, 1, 2).handle(OTHER, 3)
    assert trial.failed() == {RULES, ORDERED}


def test_a_group_that_was_put_in_another_order_than_the_traces_is_found() -> None:
    trial = Trial().put(SECOND, FIRST, OTHER).handle(SECOND, 1).handle(FIRST, 2).handle(OTHER, 3)
    assert trial.failed() == {ORDERED}


def test_an_acknowledgement_of_which_no_answer_came_lets_the_group_go_on_if_it_is_in_the_log() -> None:
    trial = Trial().put(FIRST, SECOND, OTHER).deliver(1)
    first = trial.hand(FIRST, 1, problem="OUTCOME_UNKNOWN")
    trial.ack(first, heard=False).handle(SECOND, 2).handle(OTHER, 3)
    assert trial.failed() == {HANDLED}


def test_an_attempt_that_was_not_counted_is_found() -> None:
    trial = Trial().put(FIRST, SECOND, OTHER).deliver(1)
    trial.fail(trial.hand(FIRST, 1)).handle(FIRST, 1, attempt=1).handle(SECOND, 2).handle(OTHER, 3)
    assert trial.failed() == {RULES, ATTEMPTS}


def test_a_failure_that_the_log_does_not_know_is_found() -> None:
    trial = honest()
    trial.hand(OTHER, 3, began=0, ended=1, settled=2, failed=True)
    assert {ATTEMPTS, SEEN} <= trial.failed()


def test_an_acknowledgement_that_was_told_and_is_not_in_the_log_is_found() -> None:
    trial = Trial().put(FIRST, SECOND, OTHER).handle(FIRST, 1).handle(SECOND, 2).deliver(3)
    trial.hear(trial.hand(OTHER, 3))
    assert trial.failed() == {KEPT, SEEN}


@pytest.mark.parametrize("changes", [{"token": 1}, {"attempt": 2}, {"client": "another"}])
def test_a_handout_other_than_the_logs_delivery_is_found(changes: dict[str, Any]) -> None:
    trial = Trial().put(FIRST, SECOND, OTHER).handle(FIRST, 1).handle(SECOND, 2).deliver(3)
    trial.ack(trial.hand(OTHER, 3, **changes))
    assert SEEN in trial.failed()


def test_a_message_that_somebody_else_acknowledged_is_found() -> None:
    trial = Trial().put(FIRST, SECOND, OTHER).handle(FIRST, 1).handle(SECOND, 2).deliver(3)
    trial.book.did("q", MessagesAcked("", (3,)), client="another")
    assert trial.failed() == {HANDLED, SEEN}


def test_messages_of_others_in_the_queue_are_no_concern() -> None:
    trial = Trial()
    trial.book.did("q", enqueued(1, message(b"\xff", "8"), client="stranger"), client="stranger")
    trial.deliver(1)
    trial.book.did("q", MessagesAcked("", (1,)), client=CONSUMER)
    trial.put(FIRST, SECOND, OTHER, first=2).handle(FIRST, 2).handle(SECOND, 3).handle(OTHER, 4)
    assert trial.failed() == set()
