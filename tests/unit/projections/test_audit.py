"""The read model `audit`: one row a decision, whoever asked and whatever became of it."""

from streams.domain.decider import Rejected
from streams.domain.locks.events import LockReleased
from streams.domain.locks.replies import LockFreed
from streams.projections.locks.projections import AUDIT
from streams.wire.messages import Done, SessionEnded
from tests.unit.locks.spec import granted
from tests.unit.projections.spec import at, commits, did, given
from tests.unit.replay.logbook import WHERE, WORDS, decision, timer

(ROWS,) = AUDIT.tables


def test_who_asked_for_what_and_what_became_of_it() -> None:
    given(
        AUDIT,
        at(1_000, decision(7, granted("a", 1), reply=LockFreed(1), client="c7")),
        at(2_000, decision(8, LockReleased(1), granted("b", 3), reply=LockFreed(1), command="ReleaseLock")),
    ).shows(
        ROWS,
        "offset_ index_ tenant name command principal client handle sequence lane accepted outcome events event at_ms "
        "lease_ms",
        (2, 0, "dev", "orders/42", "AcquireLock", "dev", "c7", "1", 7, "DIRECT", True, "LockFreed", "LockGranted", 1,
         1_000, 10),
        (3, 0, "dev", "orders/42", "ReleaseLock", "dev", "a", "1", 8, "DIRECT", True, "LockFreed",
         "LockReleased,LockGranted", 2, 2_000, 20),
    )  # fmt: skip


def test_a_refusal_is_kept_with_its_code_and_its_words() -> None:
    given(AUDIT, at(0, decision(1, reply=Rejected("LOCK_BUSY", "held by b")))).shows(
        ROWS, "accepted outcome reason events event", (False, "LOCK_BUSY", "held by b", "", None)
    )


def test_what_no_database_takes_is_written_so_that_it_does() -> None:
    refused = decision(1, reply=Rejected("BAD_META", "no \0 here"), client="c\0", handle="\0h", key="")
    given(AUDIT, at(0, refused)).shows(ROWS, "client handle reason", ("c\ufffd", "\ufffdh", "no \ufffd here"))


def test_the_timer_asks_in_nobodys_name_and_gets_no_answer() -> None:
    given(AUDIT, at(0, did(granted("a", 1)), timer(LockReleased(1)))).shows(
        ROWS, "index_ command principal lane outcome event", (0, "AcquireLock", "dev", "DIRECT", "", 1),
        (1, "Tick", "", "TIMER", "", 2),
    )  # fmt: skip


def test_what_names_no_key_is_no_tenants() -> None:
    given(
        AUDIT, at(0, decision(1, SessionEnded("s", 1, "why"), reply=Done(), key="", command="EndSession"))
    ).shows(ROWS, "tenant name command outcome events", ("", "", "EndSession", "Done", "SessionEnded"))


def test_decisions_put_aside_are_left_out() -> None:
    fold = AUDIT.fold(WHERE, WORDS)
    (accepted,) = commits(at(0, did(granted("a", 1)), did(LockReleased(1))))
    fold.commit(accepted, {0})
    assert [row[2] for row in fold.take().inserted[ROWS].values()] == [1]
    assert not fold.take()
