"""Going to a moment: where a walk stops, what it proves, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest

from streams.log.accepted import AcceptedCommit
from streams.log.envelope import decode
from streams.log.ports import Stored
from streams.log.positions import PartitionId, Position
from streams.log.reader import UnknownEvent
from streams.log.records import Commit, Genesis
from streams.replay.errors import BeforeTheLog, BeyondTheEnd, ForeignLog
from streams.replay.locks.chronicle import LockChronicle
from streams.replay.moment import AtEnd, AtPosition, AtTime, Moment, Target, Walk
from tests.unit.log.records import with_changes
from tests.unit.replay.logbook import KEY, WHERE, WORDS, Logbook, grant, release, waiting


def book() -> Logbook:
    """Offsets 0 to 5, appended at 1000 to 1005."""
    return Logbook().begun().commit(grant(1, 1)).write(b"a stranger's").commit(waiting(1, 2)).commit()


def walked(records: Sequence[Stored], target: Target) -> tuple[Moment, list[int]]:
    told: list[AcceptedCommit] = []
    walk = Walk(WHERE, WORDS, target, told.append)
    for stored in records:
        if not walk.take(stored):
            break
    return walk.arrived(), [commit.offset for commit in told]


@pytest.mark.parametrize(
    ("target", "last", "told", "settled"),
    [
        (AtTime(1003), 3, [2], True),
        (AtTime(1002), 2, [2], True),
        (AtTime(1001), 1, [], True),
        (AtTime(9999), 5, [2, 4, 5], False),
        (AtEnd(), 5, [2, 4, 5], False),
        (AtPosition(Position(WHERE, 4)), 4, [2, 4], True),
        (AtPosition(Position(WHERE, 5)), 5, [2, 4, 5], True),
        (AtPosition(Position(WHERE, 0)), 0, [], True),
    ],
    ids=str,
)
def test_a_walk_stops_at_its_target(target: Target, last: int, told: list[int], settled: bool) -> None:
    moment, commits = walked(book().records, target)
    assert (moment.last.offset, commits, moment.settled) == (last, told, settled)


def test_event_time_does_not_go_back_with_the_brokers_clock() -> None:
    records = [
        Stored(one.offset, time, one.value)
        for one, time in zip(book().records, (10, 11, 50, 20, 30, 60), strict=True)
    ]
    assert walked(records, AtTime(40))[0].last.offset == 1
    moment, _ = walked(records, AtTime(55))
    assert (moment.last.offset, moment.last_ms) == (4, 50)
    assert moment.commit is not None
    assert (moment.commit.position.offset, moment.commit.time_ms) == (4, 50)


def test_the_proof_can_be_computed_again_and_is_what_the_next_commit_carries() -> None:
    records = book().records
    moment, _ = walked(records, AtPosition(Position(WHERE, 3)))
    head = bytes(32)
    for stored in (records[0], records[1], records[2]):  # record 3 is void
        head = sha256(head + (stored.value or b"")).digest()
    following = decode(records[4].value)
    assert isinstance(following, Commit)
    assert moment.head == head == following.prev
    assert (moment.records, moment.commits, moment.voids) == (4, 1, (("malformed", 1),))
    assert (moment.log_id, moment.generation, moment.owner) == (bytes(16), 0, "127.0.0.1:1")


def test_before_the_first_record_there_is_nothing() -> None:
    with pytest.raises(BeforeTheLog, match=r"at 1970-01-01T00:00:01.000\+00:00") as before:
        walked(book().records, AtTime(999))
    assert before.value.begins_ms == 1000
    with pytest.raises(BeforeTheLog, match="holds no record yet"):
        walked([], AtEnd())


def test_a_position_beyond_the_end_names_the_last_one() -> None:
    with pytest.raises(BeyondTheEnd, match=r"its last record is locks/0@5"):
        walked(book().records, AtPosition(Position(WHERE, 6)))


def test_a_log_of_another_partition_or_none_is_told_at_once() -> None:
    with pytest.raises(ForeignLog, match="does not begin"):
        walked(Logbook().write(b"anything").records, AtEnd())
    foreign = Logbook().write(Genesis(bytes(16), 0, "locks", 7, 8, 0))
    with pytest.raises(ForeignLog, match="says that it is locks/7"):
        walked(foreign.records, AtEnd())


def test_what_stands_behind_the_target_is_not_even_decoded() -> None:
    unheard = with_changes(grant(9, 9), events=(b"\xc3\x01 unheard",))
    records = book().commit(unheard).records
    assert walked(records, AtTime(1005))[0].last.offset == 5
    assert walked(records, AtPosition(Position(WHERE, 5)))[0].last.offset == 5
    with pytest.raises(UnknownEvent, match="locks/0@6"):
        walked(records, AtEnd())


def test_only_the_decisions_of_the_one_lock_are_told_of_it() -> None:
    chronicle = LockChronicle(KEY, WORDS)
    walk = Walk(WHERE, WORDS, AtEnd(), chronicle.commit)
    other = with_changes(grant(1, 2, "x"), key="dev/other")
    for stored in Logbook().begun().commit(grant(1, 1), other, release(2, 1)).records:
        assert walk.take(stored)
    assert (chronicle.at().mode, chronicle.used) == ("FREE", True)
    assert PartitionId("locks", 0) == walk.arrived().where
