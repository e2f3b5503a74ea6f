"""The story of a lock: a sentence for everything that can have led to a state, each at its position."""

from __future__ import annotations

import pytest

from streams.domain.decider import Rejected
from streams.domain.locks.commands import Transaction, WaitEdge
from streams.domain.locks.events import (
    LockDowngraded,
    LockExpired,
    LockGranted,
    LockReleased,
    LockRenewed,
    LockTerms,
    LockUpgraded,
    LockWaitAborted,
    LockWaitStarted,
    LockWaitTimedOut,
    LockWaitWithdrawn,
)
from streams.domain.locks.replies import LeaseExtended, LockFreed, LockHeld, LockWithdrawn, WaitAborted
from streams.log.positions import Position
from streams.log.records import LoggedDecision
from streams.replay.locks.chronicle import LockChronicle
from streams.replay.locks.phrases import duration, ordinal
from streams.replay.locks.story import Line, story
from streams.replay.moment import AtEnd, Walk
from streams.wire.messages import TimerFailed
from tests.unit.log.records import with_changes
from tests.unit.replay.logbook import (
    KEY,
    WHERE,
    WORDS,
    Logbook,
    decision,
    grant,
    granted,
    release,
    timer,
    waiting,
    waits,
)


def begun(*decisions: LoggedDecision) -> Logbook:
    """A log whose commits, from offset 2 on, have one decision each, on one lock."""
    book = Logbook().begun()
    for one in decisions:
        book.commit(one)
    return book


def told(book: Logbook) -> dict[str, list[tuple[int, str]]]:
    """The story at the end, by its sections' first two words: (offset, sentence)."""
    chronicle = LockChronicle(KEY, WORDS)
    walk = Walk(WHERE, WORDS, AtEnd(), chronicle.commit)
    for stored in book.records:
        walk.take(stored)
    return {
        " ".join(section.title.split()[:2]).rstrip(","): [_plain(line) for line in section.lines]
        for section in story(chronicle, walk.arrived())
    }


def _plain(line: Line) -> tuple[int, str]:
    assert line.position == Position(WHERE, line.position.offset)
    assert line.time_ms == 1000 + line.position.offset
    return line.position.offset, line.text


def test_a_free_lock_names_who_held_it_last() -> None:
    assert told(begun(grant(1, 1), release(2, 1))) == {
        "Who holds": [
            (3, "dev/a/1 released it (ReleaseLock, its command 2), after it had held it for 1 ms."),
            (3, "Nobody held it from here on."),
        ]
    }


def test_a_lock_delay_is_told() -> None:
    sentences = told(begun(grant(1, 1)).commit(timer(LockExpired(1, 9_000, "")), lease_ms=1_500))["Who holds"]
    assert sentences[0][1].endswith(
        "it ran until lease time 1,000, and the clock stood at 1,500 when the owner's timer came. "
        "A lock-delay until 9,000 began."
    )
    assert sentences[1] == (3, "Nobody held it: its lock-delay ran for 7.5 s more, until lease time 9,000.")


def test_a_hold_after_another_one_says_how_it_came_free_and_when_it_was_renewed() -> None:
    renew = decision(2, LockRenewed(3, 5_000), reply=LeaseExtended(3, 5_000), client="b", command="RenewLock")
    book = begun(grant(1, 1), release(2, 1), with_changes(grant(1, 3, "b"), issued_ms=2_004), renew)
    assert told(book)["Who holds"] == [
        (3, "dev/a/1 released it (ReleaseLock, its command 2), after it had held it for 1 ms."),
        (4, "dev/b/1 asked for it EXCLUSIVE, with leases of 1.0 s (AcquireLock, its command 1); by its client's clock, "
            "which is ahead, it was first sent 1.0 s after it was decided."),
        (4, "It was granted EXCLUSIVE at once, with fencing token 3."),
        (5, "dev/b/1 renewed its lease once, here for the last time."),
        (5, "dev/b/1 held it here, with 5.0 s of its lease left (until lease time 5,000)."),
    ]  # fmt: skip


def test_an_upgrade_names_the_sharers_it_waited_for() -> None:
    wish = LockWaitStarted("dev", "a", "1", 2, 3, 1, "EXCLUSIVE", 9, 1000, 500, None, 1)
    ask = decision(2, wish, reply=LockHeld(1, "SHARED", 1000), waiting=True, command="UpgradeLock")
    upgraded = LockUpgraded("dev", "a", "1", 2, 1, 5, 1500, 3)
    leave = decision(2, LockReleased(2), upgraded, reply=LockFreed(2), client="b", command="ReleaseLock")
    book = begun(grant(1, 1, mode="SHARED"), grant(1, 2, "b", "SHARED"), ask)
    last = told(book)["Who waits"][-1][1]
    assert last.startswith("It waits 1st in line, behind dev/b/1, who holds: ")
    book.commit(leave)
    sentences = [text for _, text in told(book)["Who holds"]]
    assert sentences[0] == "dev/a/1 has held it since here, if not always in this mode."
    assert sentences[1].startswith(
        "dev/a/1 asked to have its share made exclusive (UpgradeLock, its command 2); "
    )
    assert sentences[2:5] == [
        "It had to wait: dev/b/1 held it.",
        "dev/b/1 released it (ReleaseLock, its command 2), after it had held it for 2 ms.",
        "Its share was made exclusive after a wait of 1 ms, with fencing token 5.",
    ]
    book.commit(decision(3, LockDowngraded(5), reply=LockHeld(5, "SHARED", 1500), command="DowngradeLock"))
    made_shared = "dev/a/1 made its hold SHARED, under the same token 5 (DowngradeLock, its command 3)."
    assert (6, made_shared) in told(book)["Who holds"]


def test_a_queue_is_told_in_order() -> None:
    second = LockWaitStarted(
        "dev", "c", "1", 1, 3, 2, "SHARED", 0, 1000, 90, LockTerms(0, Transaction("t9", 5), ""), None
    )
    book = begun(
        grant(1, 1), waiting(1, 2), decision(1, second, reply=LockFreed(1), client="c", waiting=True)
    )
    queue = [text for _, text in told(book)["Who waits"] if "in line" in text or "transaction" in text]
    assert queue == [
        "It waits 1st in line, behind dev/a/1, who holds: for 1 ms so far, and for 470 ms more at the most.",
        "dev/c/1 asked for it SHARED, with leases of 1.0 s, in transaction t9 (AcquireLock, its command 1); "
        "first sent 1.0 s before it was decided, by its client's clock.",
        "It waits 2nd in line, behind dev/b/1, who waits: for 0 ms so far, and for 60 ms more at the most.",
    ]


EDGES = (WaitEdge("t1", "x", 3, "t2", 4), WaitEdge("t2", "y", 5, "t1", 6))
WHO_WAITED = ("dev", "b", "1", 2, 2)


@pytest.mark.parametrize(
    ("ending", "sentence"),
    [
        (timer(LockWaitTimedOut(*WHO_WAITED)), "dev/b/1 waited for 1 ms and was not granted in its time"),
        (
            decision(
                7, LockWaitAborted(*WHO_WAITED, EDGES), reply=WaitAborted(2, True), client="d", command="AbortWait"
            ),
            "dev/b/1, after a wait of 1 ms, was the victim that broke a deadlock: t1 -[x]-> t2 -[y]-> t1 "
            "(by dev/d/1 (AbortWait, its command 7)).",
        ),
        (
            decision(
                7, LockWaitWithdrawn(*WHO_WAITED, "CANCELLED"), reply=LockWithdrawn("WAIT_ENDED", None), client="b",
                command="WithdrawLock",
            ),
            "The wait of dev/b/1 ended after 1 ms: it was given up by dev/b/1 (WithdrawLock, its command 7).",
        ),
        (
            timer(LockWaitWithdrawn(*WHO_WAITED, "EXPIRED")),
            "The wait of dev/b/1 ended after 1 ms: the share that it would upgrade expired.",
        ),
    ],
)  # fmt: skip
def test_waits_that_got_nothing_say_why(ending: LoggedDecision, sentence: str) -> None:
    ((offset, text),) = told(begun(grant(1, 1), waiting(1, 2), ending))["Waits that"]
    assert (offset, text.startswith(sentence)) == (4, True)


def test_a_lease_given_back_by_others_says_by_whom() -> None:
    withdrawn = decision(2, LockReleased(1), reply=LockWithdrawn("RELEASED", 1), command="WithdrawLock")
    ended = decision(
        9, LockReleased(1), reply=LockFreed(1), client="", handle="", lane="ENGINE", command="EndSession"
    )
    assert "gave up the acquire that it held it by" in told(begun(grant(1, 1), withdrawn))["Who holds"][0][1]
    assert told(begun(grant(1, 1), ended))["Who holds"][0][1] == (
        "The hold of dev/a/1 was released by the platform's EndSession, after it had held it for 1 ms."
    )


def test_refusals_of_one_kind_are_told_once_with_their_number() -> None:
    busy = [decision(n, reply=Rejected("LOCK_BUSY", "it is held"), client="z") for n in range(1, 5)]
    other = decision(9, reply=Rejected("NOT_HELD", "no lease"), client="y", command="ReleaseLock")
    assert told(begun(grant(1, 1), *busy, other))["Refused in"] == [
        (
            6,
            "dev/z/1 (AcquireLock, its command 4) was refused 4 times, here for the last time: LOCK_BUSY, it is held.",
        ),
        (7, "dev/y/1 (ReleaseLock, its command 9) was refused: NOT_HELD, no lease."),
    ]


def test_what_happened_long_before_is_left_out() -> None:
    book = begun(grant(1, 1), decision(1, reply=Rejected("LOCK_BUSY", "it is held"), client="z"))
    chronicle = LockChronicle(KEY, WORDS)
    walk = Walk(WHERE, WORDS, AtEnd(), chronicle.commit)
    for stored in book.commit().records:
        walk.take(
            type(stored)(stored.offset, stored.timestamp_ms + 61_000 * (stored.offset == 4), stored.value)
        )
    assert [section.title for section in story(chronicle, walk.arrived())] == ["Who holds it, and why"]


def test_a_failed_timer_is_told() -> None:
    ((offset, text),) = told(begun(grant(1, 1), timer(TimerFailed("ValueError('x')"))))["What is"]
    assert (offset, "ValueError('x')" in text) == (3, True)


def test_many_sharers_and_waiters_are_counted() -> None:
    many = [decision(1, _share(n), reply=LockHeld(n, "SHARED", 1000), client=f"c{n}") for n in range(1, 16)]
    queue = [decision(1, _wait(n), reply=LockFreed(1), client=f"w{n}", waiting=True) for n in range(16, 31)]
    sections = told(begun(*many, *queue))
    assert sections["Who holds"][-1][1] == "And 5 more share it; `tidelock rewind` lists them."
    sentences = [text for _, text in sections["Who waits"]]
    assert sentences[-1] == "And 5 more wait, dev/w30/1 last."
    assert sentences[1].startswith(
        "It waits 1st in line, behind dev/c1/1, dev/c2/1, dev/c3/1 and 12 more, who hold: "
    )


def _share(number: int) -> LockGranted:
    return granted(number, f"c{number}", "SHARED")


def _wait(number: int) -> LockWaitStarted:
    one = waits(number, f"w{number}")
    return with_position(one, number - 15)


def with_position(one: LockWaitStarted, position: int) -> LockWaitStarted:
    return LockWaitStarted(
        one.principal,
        one.client,
        one.handle,
        one.sequence,
        one.ticket,
        position,
        one.mode,
        0,
        1000,
        500,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("ms", "said"),
    [(0, "0 ms"), (999, "999 ms"), (1_000, "1.0 s"), (59_949, "59.9 s"), (59_999, "60 s"), (60_000, "1 min"),
     (185_000, "3 min 5 s"), (3_600_000, "1 h"), (7_500_000, "2 h 5 min"), (273_600_000, "3 d 4 h")],
)  # fmt: skip
def test_durations_are_said_as_people_say_them(ms: int, said: str) -> None:
    assert duration(ms) == said


def test_places_are_ordinals() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th",
    ]  # fmt: skip
