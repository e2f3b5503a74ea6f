"""A lane: whatever happens to it, and in whatever order, the rows are those of one plain pass over the log."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from typing import Any

import pytest

from streams.log.checkpoint import START, Checkpoint
from streams.log.ports import LogUnavailable
from streams.log.reader import NotContiguous, UnknownEvent
from streams.projections.ports import SinkUnavailable
from tests.unit.log.records import with_changes
from tests.unit.projector.conftest import Make
from tests.unit.projector.toy import (
    BUG,
    NUL,
    POISON,
    QUICK,
    TALLY,
    TOY,
    ToyFold,
    hopeless,
    keys,
    logbook,
    poisoned,
    projection,
    truth,
    until,
)
from tests.unit.replay.logbook import decision, grant


async def test_projects_what_the_log_holds(world: Make) -> None:
    given = world(logbook(*keys(20, 6)).write(b"a stranger's"))
    lane = given.lane()
    await given.feed()
    await given.settled(lane)
    assert given.rows == truth(given.book.records)
    assert (lane.decisions, lane.trouble, lane.phase) == (20, None, "following")


@pytest.mark.parametrize("cut", range(1, 9))
async def test_however_the_records_come(world: Make, cut: int) -> None:
    given = world(logbook(*keys(30, 9)))
    lane, records = given.lane(), given.book.records
    await until(lambda: given.tail.next_offset is not None)
    given.tail.wanted = None
    for first in range(0, len(records), cut):
        overlapping = records[max(0, first - 2) : first + cut]
        for _ in given.tail.feed(overlapping):
            await asyncio.sleep(0)
        list(given.tail.feed(records[first : first + cut]))
    await given.settled(lane)
    assert given.rows == truth(records)


async def test_a_hole_in_what_comes_is_asked_for_and_one_in_the_log_halts(world: Make) -> None:
    given = world(logbook(*keys(12, 6)))
    lane, records = given.lane(), given.book.records
    await given.feed(upto=3)
    list(given.tail.feed(records[5:]))
    assert given.tail.wanted == 3
    list(given.tail.feed(records[3:]))
    assert given.tail.next_offset == 3  # nothing is taken before the feeder has sought
    given.tail.wanted = None
    list(given.tail.feed(records[5:]))
    await until(lambda: lane.phase == "halted")
    assert isinstance(lane.trouble, NotContiguous)
    assert given.rows == truth(records[:3])


async def test_another_process_goes_on_from_the_checkpoint(world: Make) -> None:
    given = world(logbook(*keys(20, 8)))
    first = given.lane()
    await given.feed(upto=6)
    await given.settled(first, at=6)
    await given.end()
    given.__post_init__()
    second = given.lane()
    await given.feed()
    await given.settled(second)
    assert given.rows == truth(given.book.records)
    assert given.store.writes[-1][0] >= 6


# ── group commit ────────────────────────────────────────────────────────────────────────────────────────────


async def test_while_a_write_is_under_way_it_folds_on_and_the_next_write_takes_all(world: Make) -> None:
    given = world(logbook(*keys(40, 10)))
    lane = given.lane()
    given.store.open.clear()
    await given.feed(upto=4)
    await until(lambda: given.store.begun == 1)
    await given.feed()
    await until(lambda: lane.position == len(given.book.records))
    given.store.open.set()
    await given.settled(lane)
    assert len(given.store.writes) == 2
    assert given.rows == truth(given.book.records)


async def test_what_is_folded_ahead_of_the_store_is_bounded(world: Make) -> None:
    given = world(logbook(*keys(40, 40)), unwritten=5, stretch_bytes=0)
    lane = given.lane()
    given.store.open.clear()
    await given.feed()
    await until(lambda: lane.position >= 7)
    for _ in range(200):
        await asyncio.sleep(0)
    assert lane.position <= 9
    given.store.open.set()
    await given.settled(lane)
    assert given.rows == truth(given.book.records)


async def test_a_lane_that_keeps_up_does_not_write_every_record_alone_and_one_that_lags_does_not_wait(
    world: Make,
) -> None:
    given = world(logbook(*keys(40, 40)), pace_s=3600.0, unwritten=20, stretch_bytes=0)
    lane = given.lane()
    await given.feed(upto=4)
    await until(lambda: lane.position == 4 and lane.written is not None and not lane.writing)
    assert len(given.store.writes) == 1
    await given.feed()
    await until(lambda: len(given.store.writes) > 3)


async def test_what_waits_for_its_pace_is_written_in_time(world: Make) -> None:
    given = world(logbook(*keys(10, 10)), pace_s=0.005, stretch_bytes=0)
    lane = given.lane()
    await given.feed()
    async with asyncio.timeout(30):
        while lane.written is None or lane.written.next_offset < len(given.book.records):
            await asyncio.sleep(0.001)
    assert given.rows == truth(given.book.records)


# ── sinks that fail ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_store_that_is_away_is_waited_for_longer_and_longer_and_visibly(world: Make) -> None:
    given = world(logbook(*keys(20, 6)))
    given.store.before = [SinkUnavailable(f"away {number}") for number in range(7)]
    lane = given.lane()
    await until(lambda: lane.trouble is not None)
    assert lane.phase == "waiting"
    await given.feed()
    await given.settled(lane)
    assert lane.trouble is None
    assert given.rows == truth(given.book.records)
    assert len(given.paused) == 7
    assert given.paused[-1] > given.paused[0]


async def test_a_commit_whose_answer_was_lost_is_not_written_twice(world: Make) -> None:
    given = world(logbook(*keys(20, 6)))
    given.store.after = [SinkUnavailable("the connection was lost") for _ in range(3)]
    lane = given.lane()
    await given.feed()
    await given.settled(lane)
    assert given.rows == truth(given.book.records)


@pytest.mark.parametrize("offset", range(2, 8))
async def test_two_lanes_on_one_partition_of_one_store_harm_nothing(world: Make, offset: int) -> None:
    given = world(logbook(*keys(30, 10)), stretch_bytes=0)
    rival = world(given.book, stretch_bytes=0)
    rival.store = given.store
    rival.__post_init__()
    first, second = given.lane(), rival.lane()
    await asyncio.gather(given.feed(upto=offset), rival.feed())
    await given.feed()
    await given.settled(first, second)
    assert given.rows == truth(given.book.records)


async def test_a_lane_that_is_told_to_load_again_does(world: Make) -> None:
    given = world(logbook(*keys(10, 5)))
    lane = given.lane()
    await given.feed()
    await given.settled(lane)
    await given.store.reset(TOY)
    lane.reload()
    await until(lambda: bool(given.rows[TALLY]))
    await given.settled(lane)
    assert given.rows == truth(given.book.records)


# ── lanes and their tail ────────────────────────────────────────────────────────────────────────────────────


async def test_a_lane_that_is_far_behind_reads_on_its_own_until_it_meets_the_tail(world: Make) -> None:
    given = world(logbook(*keys(60, 30)), ring_bytes=800)
    ahead, behind = given.lane(), world(given.book, ring_bytes=800)
    await given.feed(upto=20)
    await given.settled(ahead, at=20)
    assert not given.tail.reaches(0)
    late = behind.lane(tail=given.tail)
    await until(lambda: late.position == 20 and late.phase == "following")
    await given.feed()
    await given.settled(late, ahead)
    assert (behind.log.reads, given.log.reads) == (1, 0)
    assert behind.rows == given.rows == truth(given.book.records)


async def test_a_lane_that_is_a_little_ahead_takes_the_rest_of_a_stretch(world: Make) -> None:
    given = world(logbook(*keys(20, 10)), stretch_bytes=1_000_000)
    lane = given.lane()
    await given.feed(upto=6)
    await given.settled(lane, at=6)
    await given.end()
    given.__post_init__()
    given.tail.begin(START)
    again = given.lane()
    await until(lambda: again.position == 6)
    await given.feed()
    await given.settled(again)
    assert given.rows == truth(given.book.records)
    assert given.store.loads == 2


async def test_a_lane_that_is_far_ahead_has_the_tail_come_to_it(world: Make) -> None:
    given = world(logbook(*keys(60, 30)), ahead=5)
    lane = given.lane()
    await given.feed()
    await given.settled(lane)
    await given.end()
    other = world(given.book, ahead=5)
    other.store = given.store
    other.__post_init__()
    behind = other.lane(projection("behind", hopeless().fold))
    await until(lambda: other.tail.next_offset == 0)
    other.lane()
    await until(lambda: other.tail.next_offset == len(given.book.records))
    assert behind.written is not None


async def test_a_slow_lane_delays_no_other(world: Make) -> None:
    given = world(logbook(*keys(60, 30)), ring_bytes=500, patience_s=0.0, unwritten=2, stretch_bytes=0)
    slow_world = world(given.book, ring_bytes=500, patience_s=0.0, unwritten=2, stretch_bytes=0)
    slow_world.tail = given.tail
    fast = given.lane()
    slow = slow_world.lane(tail=given.tail)
    slow_world.store.open.clear()
    await given.feed()
    await given.settled(fast)
    assert given.rows == truth(given.book.records)
    assert given.tail.has_room()
    slow_world.store.open.set()
    await given.settled(slow)
    assert slow_world.rows == truth(given.book.records)


async def test_a_lane_that_moves_is_waited_for_and_while_none_moves_nothing_is_given_up(world: Make) -> None:
    given = world(logbook(*keys(60, 30)), ring_bytes=500, unwritten=2, stretch_bytes=0)
    lane = given.lane()
    given.store.open.clear()
    await given.feed(upto=20)
    assert not given.tail.has_room()
    assert given.tail.reaches(lane.position)
    given.store.before = [SinkUnavailable("away")] * 3
    given.store.open.set()
    await given.feed()
    await given.settled(lane)
    assert given.log.reads == 0
    assert given.tail.has_room()


async def test_its_own_reading_may_fail_too(world: Make) -> None:
    given = world(logbook(*keys(60, 30)))
    given.tail.begin(place(len(given.book.records)))
    given.log.fails = [LogUnavailable("no leader")] * 2
    lane = given.lane()
    await given.settled(lane)
    assert given.rows == truth(given.book.records)
    assert len(given.paused) == 2


async def test_a_log_that_ends_before_what_was_read_is_told_and_waited_for(world: Make) -> None:
    given = world(logbook(*keys(20, 10)))
    records, given.log.records = given.log.records, given.log.records[:2]
    given.tail.begin(place(len(records)))
    lane = given.lane()
    await until(
        lambda: lane.written is not None and lane.written.next_offset == 2 and lane.trouble is not None
    )
    assert isinstance(lane.trouble, LogUnavailable)
    given.log.records = records
    await given.settled(lane)
    assert given.rows == truth(records)


# ── hand-over ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_paused_lane_ends_its_write_begins_none_and_goes_on_without_loading(world: Make) -> None:
    given = world(logbook(*keys(40, 10)), hand_over_s=30.0)
    lane = given.lane()
    given.store.open.clear()
    await given.feed(upto=6)
    await until(lambda: given.store.begun == 1)
    pausing = asyncio.create_task(lane.pause())
    await asyncio.sleep(0)
    assert not pausing.done()
    given.store.open.set()
    await pausing
    await given.feed()
    await until(lambda: lane.position == len(given.book.records))
    assert given.store.begun == 1
    lane.resume()
    await given.settled(lane)
    assert given.rows == truth(given.book.records)
    assert given.store.loads == 1


async def test_a_lane_that_ends_in_the_middle_of_a_write_leaves_no_half_of_it(world: Make) -> None:
    given = world(logbook(*keys(40, 10)))
    given.lane()
    given.store.open.clear()
    await given.feed(upto=6)
    await until(lambda: given.store.begun == 1)
    await given.end()
    given.store.open.set()
    assert given.rows == truth([])
    given.__post_init__()
    second = given.lane()
    await given.feed()
    await given.settled(second)
    assert given.rows == truth(given.book.records)


# ── poison ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stretch_bytes", [0, 400, 1_000_000])
@pytest.mark.parametrize(
    "bad", [[POISON], [BUG], [NUL], [POISON, NUL, BUG], [BUG, BUG], [NUL, POISON, POISON]]
)
async def test_what_cannot_be_taken_is_put_aside_and_nothing_else(
    world: Make, bad: list[str], stretch_bytes: int
) -> None:
    given = world(logbook(*poisoned(*bad)), stretch_bytes=stretch_bytes)
    lane = given.lane()
    await given.feed()
    await given.settled(lane)
    aside = {(3, 2 + number) for number in range(len(bad))}
    told = {(letter.offset, letter.decision) for letter in given.letters.letters}
    assert told == aside
    assert given.rows == truth(given.book.records, aside)
    letter = next(one for one in given.letters.letters if one.decision == 2)
    assert (letter.read_model, letter.where, letter.body) == (
        "toy",
        given.tail.where,
        given.book.records[3].value,
    )
    assert letter.stage == ("SINK" if bad[0] == NUL else "PROJECTION")
    assert letter.code and letter.reason and letter.attempts and letter.release
    assert letter.tenant == "dev"
    assert lane.trouble is None
    assert given.store.loads <= 3 + QUICK.retries + 4 * len(bad)


async def test_events_that_cannot_be_decoded_are_found_without_a_search(world: Make) -> None:
    good = grant(1, 1)
    broken = [with_changes(good, events=(good.events[0][: 12 + number],)) for number in range(9)]
    given = world(logbook([decision(2)], [decision(3), *broken, decision(4)], [decision(5)]))
    lane = given.lane()
    await given.feed()
    await given.settled(lane)
    assert lane._model.attempts == 1
    assert {one.attempts for one in given.letters.letters} == {1}
    assert len(given.letters.letters) == 9


@pytest.mark.parametrize("bad", [BUG, NUL, POISON, "malformed"])
async def test_a_search_leaves_no_folds_behind(world: Make, bad: str) -> None:
    broken = with_changes(grant(1, 1), events=(grant(1, 1).events[0][:-3],))
    commits: Any = [[decision(3), broken, decision(4)]] if bad == "malformed" else poisoned(bad)
    book = logbook([decision(2)], *commits)
    given = world(book)
    gc.collect()
    gc.disable()
    try:
        lane = given.lane()
        await given.feed()
        await given.settled(lane)
        await until(lambda: lane.phase == "following")
        folds = [one for one in gc.get_objects() if isinstance(one, ToyFold)]
    finally:
        gc.enable()
    assert len(folds) == 1


async def test_an_event_that_cannot_be_decoded_is_put_aside(world: Make) -> None:
    good = grant(1, 1)
    broken = with_changes(good, events=(good.events[0][:-3],))
    given = world(logbook([decision(2)], [decision(3), broken, decision(4)], [decision(5)]))
    lane = given.lane()
    await given.feed()
    await given.settled(lane)
    assert [(letter.offset, letter.decision) for letter in given.letters.letters] == [(3, 1)]
    entered = {key[1:] for key in given.rows[list(given.rows)[1]]}
    assert entered == {(2, 0), (3, 0), (3, 2), (4, 0)}


async def test_a_fold_that_takes_nothing_halts_before_anything_is_skipped(world: Make) -> None:
    given = world(logbook(*keys(6, 3)))
    lane = given.lane(hopeless())
    await given.feed()
    await until(lambda: lane.phase == "halted")
    assert not given.letters.letters
    assert given.rows == truth([])
    assert getattr(lane.trouble, "code", None) == "NO_DECISION"


async def test_a_lane_that_halted_begins_anew_with_a_rebuild(world: Make) -> None:
    given = world(logbook(*keys(6, 3)))
    lane = given.lane(hopeless())
    await given.feed()
    await until(lambda: lane.phase == "halted")
    loads = given.store.loads
    lane.reload()
    await until(lambda: given.store.loads > loads and lane.phase == "halted")


async def test_a_letter_that_cannot_be_sent_is_tried_again_before_anything_goes_on(world: Make) -> None:
    given = world(logbook(*poisoned(POISON)))
    put, away = given.letters.put, [LogUnavailable("no broker")] * 3

    async def moody(*args: object) -> None:
        if away:
            raise away.pop()
        await put(*args)  # type: ignore[arg-type]

    given.letters.put = moody  # type: ignore[method-assign, assignment]
    lane = given.lane()
    await given.feed()
    await given.settled(lane)
    assert len(given.letters.letters) == 1
    assert given.rows == truth(given.book.records, {(3, 2)})


async def test_an_unknown_event_halts_after_all_before_it_is_written(world: Make) -> None:
    unknown = with_changes(grant(9, 1), events=(b"\xc3\x01" + bytes(8) + b"?",))
    given = world(logbook(*keys(9, 3), [unknown], [decision(10)]))
    lane = given.lane()
    await given.feed()
    await until(lambda: lane.phase == "halted")
    assert isinstance(lane.trouble, UnknownEvent)
    assert "Upgrade" in str(lane.trouble)
    assert given.rows == truth(given.book.records[:5])
    assert lane.written is not None
    assert lane.written.next_offset == 5
    assert given.letters.letters == []  # nothing is wrong with it: it waits for a release that knows it


async def test_an_unknown_event_halts_a_lane_that_reads_on_its_own_too(world: Make) -> None:
    unknown = with_changes(grant(9, 1), events=(b"\xc3\x01" + bytes(8) + b"?",))
    given = world(logbook(*keys(9, 3), [unknown], *keys(9, 3)))
    given.tail.begin(place(6))
    lane = given.lane()
    await until(lambda: lane.phase == "halted")
    assert isinstance(lane.trouble, UnknownEvent)
    assert given.rows == truth(given.book.records[:5])


def place(offset: int) -> Checkpoint:
    """A checkpoint of a tail of which no lane here reads anything."""
    return replace(START, next_offset=offset)
