"""A log that is not the one that was read: a lane stops before it takes anything of it, visibly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from streams.log.records import Genesis
from streams.projections.hot import HotPlace
from streams.projector.identity import LogEndsEarly, LogReplaced
from streams.projector.lane import Lane
from tests.unit.projector.conftest import Make
from tests.unit.projector.test_mirror import COPY, is_copy, mirrored
from tests.unit.projector.toy import TOY, World, keys, logbook, truth, until
from tests.unit.replay.logbook import Logbook


def another(count: int, commits: int) -> Logbook:
    """A log that was begun anew under the same name."""
    book = Logbook().write(Genesis(b"another log's id", 1, "locks", 0, 1, 0)).claim(2)
    for decisions in keys(count, commits):
        book.commit(*decisions)
    return book


async def projected(given: World, lane: Lane) -> None:
    await given.feed()
    await given.settled(lane)


def halted(lane: Lane) -> Callable[[], bool]:
    return lambda: lane.phase == "halted"


def replaced(given: World, book: Logbook) -> None:
    given.book = book
    given.log.records = book.records


async def test_a_log_made_anew_halts_a_projector_that_starts_whatever_its_length(world: Make) -> None:
    for count in (3, 60):
        given = world(logbook(*keys(20, 6)))
        await projected(given, given.lane())
        before = given.rows
        await given.end()
        given.book = another(count, 3)
        given.__post_init__()
        lane = given.lane()
        await until(halted(lane))
        assert isinstance(lane.trouble, LogReplaced)
        assert "projection rebuild toy" in str(lane.trouble)
        assert given.rows == before
        assert given.tail.next_offset is None


async def test_a_log_made_anew_under_a_running_lane_halts_it_and_a_rebuild_reads_the_new_one(
    world: Make,
) -> None:
    given = world(logbook(*keys(20, 6)))
    store, mirror = mirrored(given)
    lane = given.lane(mirror=mirror)
    await projected(given, lane)
    await until(lambda: is_copy(store, given))
    before = given.rows
    replaced(given, another(9, 3))
    await lane.look_at_log()
    await until(lambda: lane.phase == "halted")
    assert isinstance(lane.trouble, LogReplaced)
    assert given.rows == before
    await given.store.reset(TOY)
    lane.reload()
    await projected(given, lane)
    assert given.rows == truth(given.book.records)
    assert lane.trouble is None
    await until(lambda: is_copy(store, given))


async def test_another_lane_of_the_partition_does_not_judge_by_the_log_that_is_gone(world: Make) -> None:
    given = world(logbook(*keys(20, 6)))
    lane = given.lane()
    await projected(given, lane)
    replaced(given, another(60, 20))
    await lane.look_at_log()
    await until(lambda: lane.phase == "halted")
    await given.store.reset(TOY)
    lane.reload()
    await projected(given, lane)
    assert given.rows == truth(given.book.records)


async def test_a_log_that_ends_before_what_was_read_is_waited_for(world: Make) -> None:
    given = world(logbook(*keys(20, 6)))
    lane = given.lane()
    await projected(given, lane)
    records = given.book.records
    given.log.records = records[:4]
    await lane.look_at_log()
    await until(lambda: lane.phase == "waiting")
    assert isinstance(lane.trouble, LogEndsEarly)
    assert given.rows == truth(records)
    given.log.records = records
    given.book.commit(*keys(1, 1)[0])
    await until(lambda: lane.phase == "following")
    await projected(given, lane)
    assert given.rows == truth(given.book.records)


async def test_a_log_that_goes_on_is_left_in_peace(world: Make) -> None:
    given = world(logbook(*keys(20, 6)))
    lane = given.lane()
    await projected(given, lane)
    loads = given.store.loads
    await lane.look_at_log()
    for _ in range(50):
        await asyncio.sleep(0)
    assert (lane.phase, given.store.loads) == ("following", loads)


async def test_the_hot_copy_of_a_log_that_is_gone_gives_way(world: Make) -> None:
    given = world(logbook(*keys(3, 1)))
    store, mirror = mirrored(given)
    await store.replace(COPY, HotPlace(1000), {"a ghost": "[]"}, "of a log that is gone")
    await projected(given, given.lane(mirror=mirror))
    await until(lambda: is_copy(store, given))
