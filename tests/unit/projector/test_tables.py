"""Lanes on a table: whatever is lost, claimed by others or compacted, the rows are those of one plain pass."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from storage.memory.copies import MemoryHotStore
from storage.memory.projections import MemoryProjectionStore
from storage.tables.store import TableProjectionStore
from streams.log.checkpoint import START
from streams.projections.changelog import ChangelogId
from streams.projections.hot import TIME, HotCopy, hot_key
from streams.projections.kept import AsHeldHere, KeptWhereItSays
from streams.projector.lane import Lane
from streams.projector.lane_ports import LanePorts
from streams.projector.mirror import Mirror
from streams.projector.watch import Silent
from tests.unit.projector.conftest import Make
from tests.unit.projector.toy import ENTRIES, QUICK, TALLY, TOY, World, at_once, keys, logbook, truth, until
from tests.unit.replay.logbook import WHERE, WORDS
from tests.unit.tables.test_store import MoodyChangelogs

COUNTS = replace(TOY, name="counts", kept="table")
TABLE = ChangelogId("counts", WHERE)


class Keeping:
    """A world whose lane is kept on a changelog; every other process has a store of its own."""

    def __init__(self, world: World, changelogs: MoodyChangelogs, mirror: Mirror | None = None) -> None:
        self.world, self.tables, self.rows = world, TableProjectionStore(changelogs), MemoryProjectionStore()
        kept = AsHeldHere(self.rows, self.tables)
        ports = LanePorts(kept, world.letters, lambda _: world.log, Silent())
        pause, _ = at_once()
        self.lane = Lane(COUNTS, WORDS, world.tail, ports, world.settings, mirror, pause)
        self.task = asyncio.create_task(self.lane.run())
        world.tasks.append(self.task)

    async def settled(self) -> None:
        await self.world.settled(self.lane)

    def stands(self) -> dict[object, object]:
        return {table: self.tables.rows(COUNTS, WHERE, table) for table in (TALLY, ENTRIES)}


async def test_a_lane_writes_its_table_and_no_rows(world: Make) -> None:
    one = world(logbook(*keys(30, 10)))
    keeping = Keeping(one, MoodyChangelogs())
    await one.feed()
    await keeping.settled()
    assert keeping.stands() == truth(one.book.records)
    assert keeping.rows.rows == {}


@pytest.mark.parametrize("seed", range(20))
async def test_answers_lost_other_owners_and_compaction_change_nothing(world: Make, seed: int) -> None:
    chance, changelogs = random.Random(seed), MoodyChangelogs()
    one = world(logbook(*keys(60, 30)), stretch_bytes=chance.choice((0, 400, 2000)))
    keeping, end = Keeping(one, changelogs), len(one.book.records)
    await until(lambda: one.tail.next_offset is not None)
    for upto in sorted(chance.sample(range(1, end), 12)):
        changelogs.lost += chance.choice(([], [], ["before"], ["after"]))
        await one.feed(upto)
        match chance.randrange(5):
            case 0:
                await TableProjectionStore(changelogs).load(COUNTS, WHERE)
            case 1:
                changelogs.compact(TABLE, tombstones=chance.random() < 0.5)
            case 2:
                keeping.task.cancel()
                await asyncio.wait([keeping.task])
                keeping = Keeping(one, changelogs)
    changelogs.lost.clear()
    await one.feed()
    await keeping.settled()
    found = await TableProjectionStore(changelogs).load(replace(COUNTS, tables=(TALLY,)), WHERE)
    assert {row[:2]: row for row in found.rows[TALLY]} == truth(one.book.records)[TALLY]


async def test_a_lane_that_ends_lets_go_of_its_table(world: Make) -> None:
    one = world(logbook(*keys(10, 5)))
    keeping = Keeping(one, MoodyChangelogs())
    await one.feed()
    await keeping.settled()
    keeping.task.cancel()
    await asyncio.wait([keeping.task])
    assert set(keeping.stands().values()) == {None}


async def test_open_windows_are_looked_up_in_the_hot_copy(world: Make) -> None:
    one, hot, copy = world(logbook(*keys(30, 10))), MemoryHotStore(), HotCopy(TALLY, 1, WHERE)
    mirror = Mirror(hot, copy, QUICK, at_once()[0])
    one.tasks.append(asyncio.create_task(mirror.run()))
    keeping = Keeping(one, MoodyChangelogs(), mirror)
    await one.feed()
    await keeping.settled()
    end = len(one.book.records)
    await until(lambda: hot.copies.get(copy, (0, {}))[0] == end)
    found = (await hot.get({copy: [hot_key((0, "dev/1")), TIME]}))[copy]
    assert found.next_offset == end
    assert found.rows[hot_key((0, "dev/1"))] == '[0,"dev/1",10,11]'


async def test_each_read_model_is_kept_where_it_says(world: Make) -> None:
    one, changelogs = world(logbook(*keys(10, 5))), MoodyChangelogs()
    keeping = Keeping(one, changelogs)
    await one.feed()
    await keeping.settled()
    written = keeping.lane.written
    here = AsHeldHere(keeping.rows, keeping.tables)
    anywhere = KeptWhereItSays(keeping.rows, TableProjectionStore(changelogs))
    assert await here.positions(COUNTS) == await anywhere.positions(COUNTS) == {WHERE: written}
    assert await here.positions(TOY) == await anywhere.positions(TOY) == {}
    await anywhere.reset(COUNTS)
    assert await here.positions(COUNTS) == await anywhere.positions(COUNTS) == {}
    await here.release(COUNTS, WHERE)
    assert (await here.load(COUNTS, WHERE)).checkpoint == (await here.load(TOY, WHERE)).checkpoint == START
