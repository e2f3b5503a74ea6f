"""The chronicle of a lock: spells with their causes, from logs written by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from streams.domain.decider import Rejected
from streams.domain.locks.commands import WaitEdge
from streams.domain.locks.events import (
    LockDelayEnded,
    LockDowngraded,
    LockExpired,
    LockReleased,
    LockRenewed,
    LockUpgraded,
    LockWaitAborted,
    LockWaitStarted,
    LockWaitTimedOut,
    LockWaitWithdrawn,
)
from streams.domain.locks.replies import LeaseExtended, LockFreed, LockHeld, LockState
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.replay.locks.chronicle import LockChronicle, lock_after
from streams.replay.locks.spells import Spell
from streams.wire.messages import TimerFailed
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
)


def commits(book: Logbook) -> Iterable[AcceptedCommit]:
    reader = CommitReader(WHERE, WORDS)
    return [commit for stored in book.records if (commit := reader.read(stored)) is not None]


def chronicle(book: Logbook) -> tuple[LockChronicle, list[Spell]]:
    ended: list[Spell] = []
    made = LockChronicle(KEY, WORDS, ended.append)
    for commit in commits(book):
        made.commit(commit)
    return made, ended


def shown(spells: Iterable[Spell]) -> list[tuple[Any, ...]]:
    """(client, mode, token or ticket, how it ended, offsets from and to)."""
    return [
        (
            s.party.client, s.party.mode, s.party.number, s.ended.how if s.ended else None,
            s.began.position.offset, s.ended.cause.position.offset if s.ended else None,
        )
        for s in spells
    ]  # fmt: skip


def test_a_hold_that_was_waited_for_knows_who_was_ahead_and_who_made_way() -> None:
    handed = decision(
        2, LockReleased(1), granted(4, "b", ticket=2), reply=LockFreed(1), command="ReleaseLock"
    )
    made, ended = chronicle(Logbook().begun().commit(grant(1, 1)).commit(waiting(1, 2)).commit(handed))
    (hold,) = made.at().holds
    assert (hold.party.client, hold.party.number, hold.asked.position.offset, hold.began.position.offset) == (
        "b", 4, 3, 4,
    )  # fmt: skip
    assert (hold.asked.client, hold.began.client, hold.began.command) == ("b", "a", "ReleaseLock")
    assert hold.waited is not None
    assert [one.client for one in hold.waited.ahead] == ["a"]
    assert hold.after is not None
    assert (hold.after.party.client, hold.after.ending.how) == ("a", "RELEASED")
    assert shown(ended) == [("a", "EXCLUSIVE", 1, "RELEASED", 2, 4), ("b", "EXCLUSIVE", 2, "GRANTED", 3, 4)]


def test_a_renewed_hold_is_one_spell() -> None:
    renew = decision(2, LockRenewed(1, 5000), reply=LeaseExtended(1, 5000), command="RenewLock")
    made, ended = chronicle(Logbook().begun().commit(grant(1, 1)).commit(renew).commit(renew))
    (hold,) = made.at().holds
    assert (hold.renewals, hold.until_lease_ms, hold.began.position.offset, ended) == (2, 5000, 2, [])
    assert hold.renewed is not None
    assert hold.renewed.position.offset == 4


def test_changes_of_mode_are_spells_of_one_hold() -> None:
    book = Logbook().begun().commit(grant(1, 1, mode="SHARED"), grant(1, 2, "b", "SHARED"))
    upgrade = LockWaitStarted("dev", "a", "1", 2, 3, 1, "EXCLUSIVE", 9, 1000, 500, None, 1)
    book.commit(decision(2, upgrade, reply=LockHeld(1, "SHARED", 1000), waiting=True, command="UpgradeLock"))
    upgraded = LockUpgraded("dev", "a", "1", 2, 1, 5, 1500, 3)
    freed = decision(2, LockReleased(2), upgraded, reply=LockFreed(2), client="b", command="ReleaseLock")
    book.commit(freed)
    made, ended = chronicle(book)
    (hold,) = made.at().holds
    assert (hold.party.number, hold.party.mode, hold.since.position.offset) == (5, "EXCLUSIVE", 2)
    assert hold.waited is not None
    assert [one.client for one in hold.waited.ahead] == ["b"], "its own share is not in its way"
    assert (hold.asked.command, hold.asked.position.offset) == ("UpgradeLock", 3)
    book.commit(decision(3, LockDowngraded(5), reply=LockHeld(5, "SHARED", 1500), command="DowngradeLock"))
    made, ended = chronicle(book)
    assert shown(made.at().holds) == [("a", "SHARED", 5, None, 5, None)]
    assert shown(ended) == [
        ("b", "SHARED", 2, "RELEASED", 2, 4), ("a", "EXCLUSIVE", 3, "GRANTED", 3, 4),
        ("a", "SHARED", 1, "UPGRADED", 2, 4), ("a", "EXCLUSIVE", 5, "DOWNGRADED", 4, 5),
    ]  # fmt: skip


CYCLE = (WaitEdge("t1", "x", 3, "t2", 4), WaitEdge("t2", "y", 5, "t1", 6))


@pytest.mark.parametrize(
    ("event", "how", "told"),
    [
        (LockWaitTimedOut("dev", "b", "1", 2, 2), "TIMED_OUT", ("", ())),
        (LockWaitWithdrawn("dev", "b", "1", 2, 2, "CANCELLED"), "WITHDRAWN", ("CANCELLED", ())),
        (LockWaitAborted("dev", "b", "1", 2, 2, CYCLE), "ABORTED", ("", CYCLE)),
    ],
)
def test_a_wait_that_got_nothing_is_remembered(event: Any, how: str, told: object) -> None:
    made, ended = chronicle(Logbook().begun().commit(grant(1, 1)).commit(waiting(1, 2)).commit(timer(event)))
    assert (list(made.given_up), made.at().waits) == (ended, ())
    ending = ended[0].ended
    assert ending is not None
    assert (ending.how, (ending.reason, ending.cycle)) == (how, told)


def test_an_expiry_keeps_the_lease_times_and_its_lock_delay() -> None:
    book = Logbook().begun().commit(grant(1, 1)).commit(timer(LockExpired(1, 1800, "")), lease_ms=1100)
    made, _ = chronicle(book)
    assert made.departed is not None
    gone = made.departed
    assert (gone.until_lease_ms, gone.ending.cause.lease_ms, gone.ending.delay_until) == (1000, 1100, 1800)
    assert (made.at().mode, made.at().lock.delay_until) == ("FREE", 1800)
    book.commit(timer(LockDelayEnded()), lease_ms=1800)
    assert chronicle(book)[0].at().lock.delay_until == 0


def test_refusals_are_remembered_with_their_reason() -> None:
    busy = decision(1, reply=Rejected("LOCK_BUSY", "taken"), client="b")
    made, _ = chronicle(Logbook().begun().commit(grant(1, 1), busy))
    (refusal,) = made.refusals
    assert (refusal.code, refusal.cause.client, refusal.cause.position.offset) == ("LOCK_BUSY", "b", 2)


def test_a_failed_timer_is_known_until_somebody_commands_the_lock() -> None:
    book = Logbook().begun().commit(grant(1, 1)).commit(timer(TimerFailed("ValueError")))
    assert chronicle(book)[0].at().failed_timer == "ValueError"
    assert chronicle(book.commit(release(2, 1)))[0].at().failed_timer is None


def test_looking_is_not_using() -> None:
    look = decision(1, reply=LockState("FREE", (), (), 0, 0, None), command="InspectLock")
    assert not chronicle(Logbook().begun().commit(look))[0].used
    assert chronicle(Logbook().begun().commit(look).commit(decision(2, reply=LockFreed(1))))[0].used


def test_of_a_long_queue_the_first_few_are_remembered_by_name() -> None:
    queue = [grant(1, 1)]
    for place in range(2, 20):
        who = ("dev", f"c{place}", "1", 1)
        wait = LockWaitStarted(*who, place, place - 1, "EXCLUSIVE", 0, 1000, 500, None, None)
        queue.append(decision(1, wait, reply=LockFreed(1), client=f"c{place}", waiting=True))
    last = chronicle(Logbook().begun().commit(*queue))[0].at().waits[-1]
    assert (len(last.ahead), last.ahead_count, last.ahead[0].role) == (10, 18, "HOLDER")


def test_the_state_from_a_stream_of_commits_is_the_same() -> None:
    book = Logbook().begun().commit(grant(1, 1)).commit(waiting(1, 2))
    assert lock_after(commits(book), KEY, WORDS) == chronicle(book)[0].at()
