"""The proof of the workload: an answer that the log does not bear out, byte for byte, must be found."""

from __future__ import annotations

from streams.domain.decider import Rejected
from streams.domain.locks.events import LockReleased
from streams.domain.locks.replies import LockFreed, LockHeld, LockWaiting
from streams.replay.verify import Verification
from streams.wire.messages import Answer, Answers
from tests.unit.replay.logbook import WHERE, WORDS, Logbook, decision, grant, granted, release, waiting
from tidelock.workload.proof import Line, Matcher, proof
from tidelock.workload.recorder import Recorder


def log() -> Logbook:
    """a holds, b waits and is granted, b releases; offsets 2 to 4."""
    handed = decision(
        2, LockReleased(1), granted(4, "b", ticket=2), reply=LockFreed(1), command="ReleaseLock"
    )
    return Logbook().begun().commit(grant(1, 1), waiting(2, 2)).commit(handed).commit(release(5, 4, "b"))


def hear(
    recorder: Recorder, client: str, offset: int, sequence: int, reply: object, *, waits: bool = False
) -> None:
    answer = Answer(sequence, waits, WORDS.encode_reply(reply))
    recorder.hear(client, Answers("locks", 0, offset, 0, 0, (answer,)))


def told() -> Recorder:
    """What a and b hear of that log."""
    recorder = Recorder()
    hear(recorder, "a", 2, 1, LockHeld(1, "EXCLUSIVE", 1000))
    hear(recorder, "b", 2, 2, LockWaiting(2, 1), waits=True)
    hear(recorder, "a", 3, 2, LockFreed(1))
    hear(recorder, "b", 3, 2, LockHeld(4, "EXCLUSIVE", 1000))
    hear(recorder, "b", 4, 5, LockFreed(4))
    return recorder


def prove(recorder: Recorder, book: Logbook, served: tuple[int, int] = (2, 2)) -> dict[str, Line]:
    walk, matcher = Verification(WHERE, WORDS), Matcher(recorder, WORDS)
    for stored in book.records:
        matcher.take(walk.record(stored))
    return {line.claim: line for line in proof([walk.finish()], matcher, recorder, served)}


ANSWERS = "every answer is in the log"


def failed(lines: dict[str, Line]) -> set[str]:
    return {claim for claim, line in lines.items() if not line.ok}


def test_an_honest_run_is_proved() -> None:
    lines = prove(told(), log())
    assert failed(lines) == set()
    assert lines[ANSWERS].evidence.startswith("5 of 5 byte for byte")


def test_another_token_than_the_logs_is_found() -> None:
    recorder = told()
    hear(recorder, "a", 2, 1, LockHeld(7, "EXCLUSIVE", 1000))
    assert failed(prove(recorder, log())) == {ANSWERS}


def test_an_answer_before_its_commit_is_found() -> None:
    recorder = told()
    hear(recorder, "b", 2, 5, LockFreed(4))
    assert failed(prove(recorder, log())) == {ANSWERS}


def test_an_answer_that_is_nowhere_in_the_log_is_found() -> None:
    recorder = told()
    hear(recorder, "a", 3, 9, Rejected("LOCK_BUSY", "held"))
    assert failed(prove(recorder, log())) == {ANSWERS}


def test_an_answer_repeated_from_a_later_commit_is_no_fault() -> None:
    recorder = told()
    hear(recorder, "a", 4, 1, LockHeld(1, "EXCLUSIVE", 1000))
    assert failed(prove(recorder, log())) == set()


def test_a_conflict_in_the_log_is_found() -> None:
    book = Logbook().begun().commit(grant(1, 1), grant(2, 2, "b"))
    recorder = Recorder()
    hear(recorder, "a", 2, 1, LockHeld(1, "EXCLUSIVE", 1000))
    hear(recorder, "b", 2, 2, LockHeld(2, "EXCLUSIVE", 1000))
    assert failed(prove(recorder, book)) == {"the log keeps every rule", "no two holders ever conflicted"}


def test_a_decision_that_nobody_heard_of_and_an_unserved_request_are_found() -> None:
    recorder = told()
    del recorder.heard["b", 5]
    assert failed(prove(recorder, log(), (1, 2))) == {
        "every request was served",
        "every command was decided once",
    }
