"""The hot copy: follows the store, is replaced when it is not where it should be, and holds nobody up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from storage.memory.copies import MemoryHotStore
from streams.log.checkpoint import START
from streams.projections.hot import TIME, HotCopy, HotPlace, hot_key, hot_row
from streams.projections.ports import SinkUnavailable
from streams.projector import mirror as mirroring
from streams.projector.mirror import Mirror
from streams.projector.settings import LaneSettings
from tests.unit.projector.conftest import Make
from tests.unit.projector.toy import TALLY, TOY, World, at_once, keys, logbook, until
from tests.unit.replay.logbook import WHERE

COPY = HotCopy(TALLY, TOY.version, WHERE)


class MoodyHotStore(MemoryHotStore):
    """Away when told so; counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.asked = 0
        self.replaced = 0
        self.held: asyncio.Event | None = None
        """What moves of copies wait for."""
        self.waits = False

    async def apply(
        self, copy: HotCopy, start: HotPlace, end: HotPlace, rows: Mapping[str, str | None], log: str = ""
    ) -> bool:
        self._mood()
        if self.held is not None:
            self.waits = True
            await self.held.wait()
        return await super().apply(copy, start, end, rows, log)

    async def replace(self, copy: HotCopy, end: HotPlace, rows: Mapping[str, str], log: str = "") -> None:
        self._mood()
        self.replaced += 1
        await super().replace(copy, end, rows, log)

    def _mood(self) -> None:
        self.asked += 1
        if self.away:
            raise SinkUnavailable("Redis is away")


def mirrored(given: World, look_s: float = 60.0) -> tuple[MoodyHotStore, Mirror]:
    store, settings = MoodyHotStore(), LaneSettings(mirror_look_s=look_s)
    mirror = Mirror(store, COPY, settings, at_once()[0])
    given.tasks.append(asyncio.create_task(mirror.run()))
    return store, mirror


def is_copy(store: MoodyHotStore, given: World) -> bool:
    wanted = {hot_key(key): hot_row(row) for key, row in given.rows[TALLY].items()}
    wanted[TIME] = str(given.book.records[-1].timestamp_ms)
    at, rows = store.copies.get(COPY, (None, {}))
    return (at, rows) == (len(given.book.records), wanted)


async def test_the_copy_follows_step_by_step(world: Make) -> None:
    given = world(logbook(*keys(30, 10)))
    store, mirror = mirrored(given)
    lane = given.lane(mirror=mirror)
    for upto in (4, 6, 9, None):
        await given.feed(upto=upto)
        await given.settled(lane, at=upto)
    await until(lambda: is_copy(store, given))
    assert (store.replaced, mirror.trouble) == (1, None)


async def test_a_copy_that_was_flushed_is_replaced_also_when_nothing_happens(world: Make) -> None:
    given = world(logbook(*keys(30, 10)))
    store, mirror = mirrored(given, look_s=0.0)
    lane = given.lane(mirror=mirror)
    await given.feed()
    await given.settled(lane)
    await until(lambda: is_copy(store, given))
    store.copies.clear()
    await until(lambda: is_copy(store, given))


async def test_a_copy_that_is_away_holds_nobody_up_and_is_replaced_when_it_is_back(world: Make) -> None:
    given = world(logbook(*keys(30, 10)))
    store, mirror = mirrored(given)
    lane = given.lane(mirror=mirror)
    await given.feed(upto=5)
    await until(lambda: store.copies.get(COPY, (0, {}))[0] == 5)
    store.away = True
    await given.feed()
    await given.settled(lane)
    asked = store.asked
    await until(lambda: store.asked > asked + 1)
    assert mirror.trouble is not None
    store.away = False
    await until(lambda: is_copy(store, given) and mirror.trouble is None)


async def test_a_restarted_lane_replaces_what_an_older_one_left(world: Make) -> None:
    given = world(logbook(*keys(30, 10)))
    lane = given.lane()
    await given.feed()
    await given.settled(lane)
    await given.end()
    given.__post_init__()
    store, mirror = mirrored(given)
    store.copies[COPY] = (3, {"stale": "row"})
    given.lane(mirror=mirror)
    await until(lambda: is_copy(store, given))


async def test_a_lane_that_begins_anew_further_back_does_not_take_the_copy_along(world: Make) -> None:
    """PostgreSQL went back while a write to Redis was under way: the copy is further on, and stays what it is."""
    given = world(logbook(*keys(30, 10)))
    store, mirror = mirrored(given)
    lane = given.lane(mirror=mirror)
    await given.feed(upto=6)
    await given.settled(lane, at=6)
    await until(lambda: mirror.position == 6)
    earlier = await given.store.load(TOY, WHERE)
    store.held = asyncio.Event()
    await given.feed()
    await given.settled(lane)
    await until(lambda: store.waits)
    mirror.loaded(earlier)
    asked = store.asked
    store.held.set()
    await until(lambda: store.asked > asked)
    assert store.copies[COPY][0] > earlier.checkpoint.next_offset


async def test_a_row_that_is_gone_is_gone_from_the_copy(world: Make) -> None:
    given = world(logbook())
    store, mirror = mirrored(given)
    loaded = await given.store.load(TOY, WHERE)
    mirror.loaded(loaded)
    changes = TOY.fold(WHERE, given.tail._vocabulary).take()
    changes.upsert(TALLY, (0, "dev/a", 1, 7))
    mirror.committed(START, changes)
    await until(lambda: COPY in store.copies and len(store.copies[COPY][1]) == 2)
    gone = TOY.fold(WHERE, given.tail._vocabulary).take()
    gone.delete(TALLY, (0, "dev/a"))
    mirror.committed(START, gone)
    await until(lambda: store.copies[COPY][1] == {TIME: "0"})


async def test_for_how_long_a_copy_lacks_something_is_told(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = 100.0
    monkeypatch.setattr(mirroring, "time", SimpleNamespace(monotonic=lambda: s))
    given = world(logbook(*keys(30, 10)))
    store, mirror = mirrored(given)
    lane = given.lane(mirror=mirror)
    await given.feed(upto=5)
    await until(lambda: mirror.position == 5 and mirror.lag_s == 0)
    store.away = True
    await given.feed()
    await given.settled(lane)
    s = 107.0
    assert mirror.lag_s == 7
    store.away = False
    await until(lambda: is_copy(store, given) and mirror.lag_s == 0)
    mirror.mute(muted=True)
    assert mirror.lag_s is None
    mirror.mute(muted=False)
    s = 109.0
    assert mirror.lag_s == 2
    await until(lambda: mirror.lag_s == 0)
