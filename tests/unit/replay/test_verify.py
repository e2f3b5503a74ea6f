"""The verifier: a sound log holds, and every planted violation is found, at its position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest

from streams.domain.decider import Rejected
from streams.domain.locks.events import (
    LockDowngraded,
    LockExpired,
    LockReleased,
    LockRenewed,
    LockUpgraded,
    LockWaitTimedOut,
)
from streams.domain.locks.replies import LeaseExtended, LockFreed, LockHeld
from streams.log.envelope import decode, encode_commit, encode_meta, encode_row
from streams.log.ports import Stored
from streams.log.positions import Position
from streams.log.records import Commit, Genesis, Source
from streams.replay.findings import CODES
from streams.replay.sources import SourceCheck
from streams.replay.verify import Verification
from tests.unit.log.records import with_changes
from tests.unit.replay import test_cache_invariants, test_node_invariants, test_queue_invariants
from tests.unit.replay.logbook import WHERE, WORDS, Logbook, decision, grant, granted, release, timer, waiting


def begun() -> Logbook:
    return Logbook().begun()


def sound() -> Logbook:
    """Grants, a wait that is granted, a rejection, shared holds, an upgrade, a take-over and an expiry."""
    book = Logbook().begun().commit(grant(1, 1)).commit(waiting(1, 2))
    handed = decision(
        2, LockReleased(1), granted(4, "b", ticket=2), reply=LockFreed(1), command="ReleaseLock"
    )
    book.commit(handed, decision(3, reply=Rejected("LOCK_BUSY", "taken")))
    book.write(b"what a stranger wrote").claim(2).commit(release(5, 4, "b"))
    book.commit(grant(6, 6, "a", "SHARED"), grant(7, 7, "b", "SHARED"), release(8, 7, "b"))
    upgraded = LockUpgraded("dev", "a", "1", 9, 6, 9, 1500, None)
    book.commit(decision(9, upgraded, reply=LockHeld(9, "EXCLUSIVE", 1500), command="UpgradeLock"))
    return book.commit(timer(LockExpired(9, None, "")), lease_ms=1500)


def test_a_sound_log_holds() -> None:
    report = sound().verified()
    assert report.violations == []
    assert (report.ok, report.claims) == (True, 2)
    assert report.counts == {"grants": 5, "held": 0, "waiting": 0}
    assert dict(report.voids) == {"malformed": 1}
    assert report.greatest_token == 9


def test_what_is_still_open_is_told() -> None:
    report = Logbook().begun().commit(grant(1, 1)).commit(waiting(1, 2)).verified()
    assert (report.ok, report.counts) == (True, {"grants": 1, "held": 1, "waiting": 1})


def test_zombies_copies_and_one_lost_commit_are_no_violations() -> None:
    book = Logbook().begun().commit(grant(1, 1)).claim(2).commit(release(2, 1))
    for _ in range(3):
        book.commit(owner=bytes([1]) * 16)  # a zombie
        book.write(book.records[2].value or b"")  # a copy of an old commit
    book.commit(seq=book.head.n + 2, prev=bytes(32))  # its predecessor was lost: the owner claims again
    report = book.claim(3).commit(grant(3, 3)).verified()
    assert (report.ok, dict(report.voids)) == (True, {"foreign_owner": 6, "broken_chain": 1})


def test_a_copied_claim_makes_commits_void_and_nothing_worse() -> None:
    book = begun()
    book.write(book.records[1].value or b"")
    for number in range(4):
        book.commit(seq=number + 1, prev=bytes(32))
    assert book.verified().ok


def altered(record: Callable[[Commit], Commit | bytes]) -> Logbook:
    """A log of which one commit was changed after others had been built on it."""
    book = (
        begun().commit(grant(1, 1)).commit(release(2, 1)).commit(grant(3, 3)).commit(release(4, 3)).commit()
    )
    old = decode(book.records[2].value)
    assert isinstance(old, Commit)
    return book.alter(2, record(old))


BROKEN = {
    "another client": lambda commit: replace(commit, decisions=(grant(1, 1, "x"),)),
    "another time": lambda commit: replace(commit, lease_ms=commit.lease_ms + 1),
    "garbage": lambda _: b"garbage",
}


@pytest.mark.parametrize("record", BROKEN.values(), ids=BROKEN.keys())
def test_a_commit_that_was_altered_afterwards_is_found(record: Callable[[Commit], Commit | bytes]) -> None:
    (violation,) = [v for v in altered(record).verified().violations if v.code == "CHAIN_BROKEN"]
    assert violation.position == Position(WHERE, 3)


def test_a_break_is_found_although_a_later_owner_went_on_from_it() -> None:
    book = altered(lambda _: b"garbage")
    rest = Logbook()
    for stored in book.records:
        rest.write(stored.value or b"")
    assert "CHAIN_BROKEN" in rest.claim(2).commit(grant(9, 1)).codes()


PLANTED: list[tuple[str, Logbook]] = [
    ("IDENTITY", Logbook().write(b"not a log")),
    ("IDENTITY", Logbook().write(Genesis(bytes(16), 0, "locks", 7, 8, 0))),
    ("TIME_WENT_BACK", begun().commit().commit(lease_ms=5)),
    ("TIME_WENT_BACK", begun().commit().commit(mark_ms=5)),
    ("OVERSIZED", begun().commit(decision(1, reply=Rejected("LOCK_BUSY", "x" * 600_000)))),
    ("SOURCE", begun().commit(decision(1, reply=LockFreed(1), lane="TOPIC"))),
    ("PLACE", begun().commit(with_changes(grant(1, 1), tenant="other"))),
    ("UNREADABLE", begun().commit(replace(grant(1, 1), events=(b"\xc3\x01 unheard of",)))),
    ("UNREADABLE", begun().claim(2, level=2).feature(2)),
    ("ANSWERED_TWICE", begun().commit(grant(1, 1)).commit(decision(1, reply=LockHeld(1, "EXCLUSIVE", 1000)))),
    ("TOO_LATE", begun().commit(with_changes(grant(1, 1), deadline_ms=10))),
    ("TOO_LATE", begun().commit(with_changes(grant(9, 1), floor=9)).commit(release(2, 1))),
    ("REPLY", begun().commit(decision(1, granted(1)))),
    ("REPLY", begun().commit(decision(1, granted(1), reply=LockHeld(2, "EXCLUSIVE", 1000)))),
    ("REPLY", begun().commit(grant(1, 1)).commit(decision(2, reply=LockFreed(1)))),
    ("REPLY", begun().commit(grant(1, 1)).commit(decision(2, reply=LeaseExtended(1, 9999)))),
    ("TOKEN", begun().commit(grant(1, 2))),
    ("TOKEN", begun().commit(grant(1, 1), release(2, 1), grant(3, 1))),
    ("TOKEN", begun().commit(waiting(1, 5))),
    ("CONFLICT", begun().commit(grant(1, 1)).commit(grant(2, 2, "b"))),
    ("CONFLICT", begun().commit(grant(1, 1, "a", "SHARED")).commit(grant(2, 2, "b"))),
    ("CONFLICT", begun().commit(grant(1, 1)).commit(grant(2, 2, "b", "SHARED"))),
    (
        "CONFLICT",
        begun()
        .commit(grant(1, 1, "a", "SHARED"), grant(2, 2, "b", "SHARED"))
        .commit(
            decision(
                3, LockUpgraded("dev", "a", "1", 3, 1, 3, 1000, None), reply=LockHeld(3, "EXCLUSIVE", 1000)
            )
        ),
    ),
    ("NO_SUCH_LEASE", begun().commit(release(1, 1))),
    (
        "NO_SUCH_LEASE",
        begun().commit(grant(1, 1), release(2, 1)).commit(timer(LockExpired(1, None, "")), lease_ms=2000),
    ),
    ("NO_SUCH_WAIT", begun().commit(timer(LockWaitTimedOut("dev", "b", "1", 1, 1)))),
    ("NO_SUCH_WAIT", begun().commit(decision(1, granted(1, ticket=7), reply=LockHeld(1, "EXCLUSIVE", 1000)))),
    ("STOLEN", begun().commit(grant(1, 1)).commit(release(1, 1, "b"))),
    (
        "STOLEN",
        begun().commit(grant(1, 1)).commit(decision(1, LockDowngraded(1), reply=LockFreed(9), client="b")),
    ),
    ("EARLY", begun().commit(grant(1, 1)).commit(timer(LockExpired(1, None, "")))),
    (
        "EARLY",
        begun().commit(grant(1, 1)).commit(decision(2, LockRenewed(1, 900), reply=LeaseExtended(1, 900))),
    ),
    ("EARLY", begun().commit(waiting(1, 1)).commit(timer(LockWaitTimedOut("dev", "b", "1", 1, 1)))),
]


@pytest.mark.parametrize(
    ("code", "book"), PLANTED, ids=[f"{code}-{i}" for i, (code, _) in enumerate(PLANTED)]
)
def test_a_planted_violation_is_found(code: str, book: Logbook) -> None:
    assert code in book.codes()


def test_every_code_has_its_plant() -> None:
    of_kinds = (test_queue_invariants.PLANTED, test_node_invariants.PLANTED, test_cache_invariants.PLANTED)
    planted = {code for kind in of_kinds for code, _ in kind.values()}
    assert {code for code, _ in PLANTED} | planted | {"CHAIN_BROKEN", "HOLE"} == CODES.keys()


def test_a_hole_ends_the_walk() -> None:
    walk, records = Verification(WHERE, WORDS), sound().records
    for stored in [*records[:3], *records[4:]]:
        walk.record(stored)
    assert [(v.code, v.position) for v in walk.finish().violations] == [("HOLE", Position(WHERE, 4))]


def test_a_violation_names_its_position() -> None:
    (violation,) = begun().commit(grant(1, 1)).commit(grant(2, 2, "b")).verified().violations
    assert (str(violation.position), violation.code) == ("locks/0@3", "CONFLICT")


def test_decisions_in_a_foreign_partition_are_found() -> None:
    book = Logbook().write(Genesis(bytes(16), 0, "locks", 0, 64, 0)).claim(1)
    assert book.commit(grant(1, 1)).codes() == {"PLACE"}


def test_a_refusal_may_be_repeated_and_what_is_forgotten_may_come_again() -> None:
    late = with_changes(decision(1, reply=Rejected("EXPIRED", "late")), deadline_ms=1)
    assert begun().commit(late).commit(late).verified().ok


def marks(command: bytes, offset: int = 0) -> tuple[Verification, list[Stored]]:
    walk = Verification(WHERE, WORDS)
    source = Source(0, offset, sha256(command).digest())
    topic = replace(grant(1, 1), lane="TOPIC")
    for stored in Logbook().begun().commit(topic, source=source).records:
        walk.record(stored)
    return walk, [Stored(number, 0, b"a command") for number in range(offset + 1)]


@pytest.mark.parametrize(
    ("command", "kept", "ok"), [(b"a command", 3, True), (b"another", 3, False), (b"a command", 2, False)]
)
def test_the_commands_topic_must_be_the_one_that_was_decided(command: bytes, kept: int, ok: bool) -> None:
    walk, commands = marks(command, offset=2)
    report = walk.finish()
    check = SourceCheck(report, walk.sources)
    check.commands(commands[:kept])
    check.finish()
    assert (report.ok, set(report.codes)) == ((True, set()) if ok else (False, {"SOURCE"}))


def test_a_commit_over_the_bytes_counts_and_is_reported_and_one_over_the_decisions_never_counts() -> None:
    heavy = begun().commit(decision(1, reply=Rejected("LOCK_BUSY", "x" * 600_000))).verified()
    assert (heavy.commits, dict(heavy.voids), dict(heavy.codes)) == (1, {}, {"OVERSIZED": 1})
    rejections = [decision(n, reply=Rejected("LOCK_BUSY", "")) for n in range(1, 502)]
    rows = [encode_row(one, encode_meta(one.meta)) for one in rejections]
    bare = Commit(begun().owner, begun().head.head, 1, 10, 10, 1, None, ())
    many = begun().write(encode_commit(bare, rows)).commit().verified()
    assert (many.commits, dict(many.voids), many.ok) == (1, {"malformed": 1}, True)
    most = begun().write(encode_commit(bare, rows[:500])).verified()
    assert (most.commits, most.decisions, most.ok) == (1, 500, True)


def test_a_client_may_count_from_zero_again_once_its_deadlines_are_past_and_no_sooner() -> None:
    first = with_changes(grant(9, 1), floor=9, deadline_ms=60_000)
    again = with_changes(release(2, 1), floor=0, deadline_ms=200_000)
    assert begun().commit(first).commit(again, mark_ms=61_000).verified().ok
    assert begun().commit(first).commit(again, mark_ms=60_999).codes() == {"TOO_LATE"}


def test_a_floor_lives_until_the_greatest_deadline_its_client_named() -> None:
    book = begun().commit(with_changes(grant(9, 1), floor=9, deadline_ms=60_000))
    book.commit(with_changes(release(10, 1), floor=9, deadline_ms=120_000), mark_ms=30_000)
    book.commit(mark_ms=61_000)
    book.commit(with_changes(grant(2, 3), floor=0, deadline_ms=200_000), mark_ms=100_000)
    assert book.codes() == {"TOO_LATE"}
