"""`CommitReader`: what counts, in order, from any checkpoint on."""

from __future__ import annotations

import pytest

from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.checkpoint import START, Checkpoint, decode_checkpoint, encode_checkpoint
from streams.log.reader import NotContiguous
from tests.unit.log.records import with_changes
from tests.unit.replay.logbook import WHERE, WORDS, Logbook, grant, release


def book() -> Logbook:
    return (
        Logbook()
        .begun()
        .commit(grant(1, 1))
        .write(b"a stranger's")
        .commit(release(2, 1), grant(3, 3))
        .commit(release(4, 3))
    )


def shown(commit: AcceptedCommit | None) -> object:
    return None if commit is None else (commit.offset, commit.time_ms, commit.decided)


def test_hands_out_what_counts_with_its_events_and_their_numbers() -> None:
    reader = CommitReader(WHERE, WORDS)
    read = [commit for record in book().records if (commit := reader.read(record)) is not None]
    numbers = [[(one.index, one.number, len(one.events)) for one in commit.decided] for commit in read]
    assert numbers == [[(0, 1, 1)], [(0, 2, 1), (1, 3, 1)], [(0, 4, 1)]]
    assert reader.generation == 0


def test_goes_on_from_a_stored_checkpoint_at_any_record_as_if_it_had_never_stopped() -> None:
    records = book().records
    whole = CommitReader(WHERE, WORDS)
    places: list[Checkpoint] = [START]
    read = []
    for record in records:
        read.append(shown(whole.read(record)))
        places.append(whole.checkpoint)
    for stop, place in enumerate(places):
        reader = CommitReader(WHERE, WORDS, decode_checkpoint(encode_checkpoint(place)))
        assert [shown(reader.read(record)) for record in records[stop:]] == read[stop:]
        assert reader.checkpoint == places[-1]


def test_event_time_never_goes_back() -> None:
    reader = CommitReader(WHERE, WORDS)
    times = []
    for record, timestamp in zip(book().records, (50, 60, 40, 30, 55, 70), strict=False):
        reader.read(type(record)(record.offset, timestamp, record.value))
        times.append(reader.checkpoint.time_ms)
    assert times == sorted(times)
    assert max(times) == max((50, 60, 40, 30, 55, 70)[: len(times)])


def test_a_hole_halts() -> None:
    reader = CommitReader(WHERE, WORDS)
    with pytest.raises(NotContiguous):
        reader.read(book().records[1])


def test_what_does_not_count_is_counted_by_reason() -> None:
    reader = CommitReader(WHERE, WORDS)
    for record in book().commit(seq=99).records:
        reader.read(record)
    assert reader.voids == {"malformed": 1, "sequence": 1}


def test_the_decisions_on_one_key_keep_their_places_and_numbers() -> None:
    other = with_changes(grant(1, 2, "b"), key="dev/other")
    reader = CommitReader(WHERE, WORDS)
    *_, commit = map(reader.read, Logbook().begun().commit(grant(1, 1), other, release(2, 1)).records)
    assert commit is not None
    assert list(commit.decided_on("dev/other")) == [commit.decided[1]]
    assert [one.number for one in commit.decided_on("dev/orders/42")] == [1, 3]
