"""Windows that end by the clock: not before nothing can come any more, and for whoever goes on from there, too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from storage.memory.copies import MemoryHotStore
from storage.tables.store import TableProjectionStore
from streams.log.ports import LogUnavailable, TopicReader
from streams.projections.activity.projections import ACTIVITIES, IDLE_MS
from streams.projections.activity.reads import ActivityWindow, Restored
from streams.projections.activity.tables import ACTIVITY
from streams.projections.activity.views import MINUTE_MS, NAMES
from streams.projections.hot import HotPlace, hot_copy
from streams.projections.projection import Fold
from streams.projections.table import Row
from streams.projector import idling
from streams.projector.idling import Idling
from streams.projector.lane import Lane
from streams.projector.lane_ports import LanePorts
from streams.projector.mirror import Mirror
from streams.projector.watch import Silent
from tests.unit.projector.conftest import Make
from tests.unit.projector.toy import World, at_once, logbook, until
from tests.unit.replay.logbook import WHERE, WORDS, decision, grant, release
from tests.unit.tables.test_store import MoodyChangelogs

LOCKS = next(one for one in ACTIVITIES if one.kind == "locks")
FOUR = ([grant(1, 1)], [release(2, 1)], [grant(3, 3)], [release(4, 3)])


class Watched:
    """A lane of windows, and a clock in the hand of the test."""

    def __init__(
        self,
        world: World,
        changelogs: MoodyChangelogs,
        monkeypatch: pytest.MonkeyPatch,
        quiet_s: float = 0.0,
        mirror: Mirror | None = None,
    ) -> None:
        self.world, self.tables, self.now_ms, self.asked = world, TableProjectionStore(changelogs), 2_000, 0
        ports = LanePorts(self.tables, world.letters, lambda _: world.log, Silent())

        def made(projection: object, log: object, wake: asyncio.Event) -> Idling:
            return Idling(LOCKS, world.log, wake, lambda: self.now_ms, quiet_s)

        monkeypatch.setattr("streams.projector.lane.Idling", made)
        self.lane = Lane(LOCKS, WORDS, world.tail, ports, world.settings, mirror, at_once()[0])
        self.task = asyncio.create_task(self.lane.run())
        world.tasks.append(self.task)

    def windows(self) -> list[tuple[int, bool, int]]:
        rows: list[Row] = list((self.tables.rows(LOCKS, WHERE, ACTIVITY) or {}).values())
        return [
            _told(each)
            for each in Restored(NAMES, [[row for row in rows if row[1] == NAMES]]).windows(
                "dev", "orders/42"
            )
        ]

    async def at(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.lane.wake()

    async def shows(self, *wanted: tuple[int, bool, int]) -> None:
        await until(lambda: self.windows() == list(wanted))


def _told(window: ActivityWindow) -> tuple[int, bool, int]:
    return window.start_ms, window.open, window.commands


async def test_a_window_ends_and_is_forgotten_though_nothing_is_committed(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, changelogs = world(logbook(*FOUR)), MoodyChangelogs()
    watched = Watched(one, changelogs, monkeypatch)
    await one.feed()
    await one.settled(watched.lane)
    await watched.shows((0, True, 4))
    await watched.at(MINUTE_MS + IDLE_MS - 1)
    await watched.shows((0, True, 4))
    await watched.at(MINUTE_MS + IDLE_MS)
    await watched.shows((0, False, 4))
    await watched.at(2 * MINUTE_MS + IDLE_MS)
    await watched.shows()
    assert watched.lane.written is not None
    assert watched.lane.written.next_offset == len(one.book.records)
    assert watched.lane.counters == {"events": 8}


async def test_whoever_goes_on_from_the_changelog_agrees_that_it_has_ended(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, changelogs = world(logbook(*FOUR)), MoodyChangelogs()
    watched = Watched(one, changelogs, monkeypatch)
    await one.feed()
    await watched.shows((0, True, 4))
    await watched.at(MINUTE_MS + IDLE_MS)
    await watched.shows((0, False, 4))
    watched.task.cancel()
    await asyncio.wait([watched.task])
    again = Watched(one, changelogs, monkeypatch)
    await again.shows((0, False, 4))
    one.book.commit(decision(5, command="AcquireLock"))  # its time is that of the minute before
    await one.feed()
    await one.settled(again.lane)
    await again.shows((0, False, 5))


async def test_what_the_log_still_has_is_waited_for(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = world(logbook(*FOUR))
    watched = Watched(one, MoodyChangelogs(), monkeypatch)
    await one.feed(len(one.book.records) - 1)
    await watched.shows((0, True, 3))
    await watched.at(10 * MINUTE_MS)
    asked = 0
    bounds = one.log.bounds

    async def counted() -> tuple[int, int]:
        nonlocal asked
        asked += 1
        return await bounds()

    monkeypatch.setattr(one.log, "bounds", counted)
    await until(lambda: asked > 3)
    assert watched.windows() == [(0, True, 3)]
    await one.feed()
    await watched.shows()
    assert watched.lane.counters["events"] == 8
    assert "late" not in watched.lane.counters


async def test_a_log_that_cannot_be_asked_ends_nothing(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = world(logbook(*FOUR))
    watched = Watched(one, MoodyChangelogs(), monkeypatch)
    await one.feed()
    await watched.shows((0, True, 4))
    failed, bounds = 0, one.log.bounds

    async def away() -> tuple[int, int]:
        nonlocal failed
        failed += 1
        raise LogUnavailable("away")

    monkeypatch.setattr(one.log, "bounds", away)
    await watched.at(MINUTE_MS + IDLE_MS)
    await until(lambda: failed > 3)
    assert watched.windows() == [(0, True, 4)]
    monkeypatch.setattr(one.log, "bounds", bounds)
    await watched.shows((0, False, 4))


async def test_a_fold_that_is_on_its_way_asks_nobody(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = world(logbook(*FOUR))
    watched = Watched(one, MoodyChangelogs(), monkeypatch, quiet_s=idling.QUIET_S)
    watched.now_ms = 10 * MINUTE_MS
    await one.feed()
    await one.settled(watched.lane)
    for _ in range(50):
        watched.lane.wake()
        await asyncio.sleep(0)
    assert watched.windows() == [(0, True, 4)]


async def test_where_nothing_is_committed_the_hot_copy_goes_on_by_the_time_of_its_windows(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, store, copy = world(logbook(*FOUR)), MemoryHotStore(), hot_copy(LOCKS, WHERE)
    mirror = Mirror(store, copy, one.settings, at_once()[0])
    one.tasks.append(asyncio.create_task(mirror.run()))
    watched, end = Watched(one, MoodyChangelogs(), monkeypatch, mirror=mirror), len(one.book.records)
    await one.feed()
    await watched.shows((0, True, 4))
    await until(lambda: mirror.position == end)
    before = store.copies[copy]
    await watched.at(MINUTE_MS + IDLE_MS)
    await watched.shows((0, False, 4))
    last_ms = one.book.records[-1].timestamp_ms
    await until(lambda: store.copies[copy] != before or store._times[copy] != last_ms)
    assert store._times[copy] == MINUTE_MS
    told = dict(store.copies[copy][1])
    assert not await store.apply(copy, HotPlace(end, last_ms), HotPlace(end, last_ms), {"late": "row"})
    await store.replace(copy, HotPlace(end, last_ms), {"late": "copy"})
    assert store.copies[copy] == (end, told)


class Rig:
    """`Idling` by itself: fold, log, clocks and timers are the test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.due_ms: int | None = MINUTE_MS
        self.now_ms, self.s, self.end, self.asked = 0, 100.0, 7, 0
        self.advances: list[int] = []
        self.timers: list[SimpleNamespace] = []
        self.wake = asyncio.Event()
        monkeypatch.setattr(idling, "time", SimpleNamespace(monotonic=lambda: self.s))
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", self._call_later)
        self.idling = Idling(LOCKS, cast(TopicReader, self), self.wake, lambda: self.now_ms)

    def _call_later(self, seconds: float, call: Callable[[], None]) -> SimpleNamespace:
        timer = SimpleNamespace(seconds=seconds, call=call, cancelled=False)
        timer.cancel = lambda: setattr(timer, "cancelled", True)
        self.timers.append(timer)
        return timer

    async def bounds(self) -> tuple[int, int]:
        self.asked += 1
        return 0, self.end

    def advance(self, time_ms: int) -> None:
        self.advances.append(time_ms)

    async def advanced(self, at: int = 7) -> bool:
        return await self.idling.advanced(cast(Fold, self), at)

    @property
    def waits_s(self) -> list[float]:
        """For how long the timers wait that nobody cancelled."""
        return [round(timer.seconds, 3) for timer in self.timers if not timer.cancelled]


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(monkeypatch)


async def test_before_its_time_nobody_is_asked_and_the_lane_is_woken_then(rig: Rig) -> None:
    rig.s += idling.QUIET_S
    rig.now_ms = 45_000
    assert not await rig.advanced()
    assert (rig.waits_s, rig.asked, rig.wake.is_set()) == ([25.0], 0, False)
    rig.timers[0].call()
    assert rig.wake.is_set()


async def test_a_fold_that_stands_still_for_a_moment_only_is_left_alone_and_moving_begins_it_anew(
    rig: Rig,
) -> None:
    rig.now_ms = 10 * MINUTE_MS
    assert not await rig.advanced(6)
    rig.s += idling.QUIET_S - 0.5
    assert not await rig.advanced(6)
    assert rig.waits_s == [0.5]
    assert not await rig.advanced(7)
    assert (rig.waits_s, rig.asked, rig.advances) == ([idling.QUIET_S], 0, [])
    rig.s += idling.QUIET_S
    assert await rig.advanced(7)


@pytest.mark.parametrize("end", [6, 8])
async def test_a_log_that_ends_elsewhere_is_not_asked_again_at_once(rig: Rig, end: int) -> None:
    assert not await rig.advanced()
    rig.now_ms, rig.end = 10 * MINUTE_MS, end
    rig.s += idling.QUIET_S
    assert not await rig.advanced()
    rig.end = 7
    rig.s += idling.QUIET_S - 0.25
    assert not await rig.advanced()
    assert (rig.asked, rig.waits_s, rig.advances) == (1, [0.25], [])
    rig.s += 0.25
    assert await rig.advanced()


async def test_windows_go_on_to_what_is_due_and_no_further(rig: Rig) -> None:
    assert not await rig.advanced()
    rig.now_ms = 10 * MINUTE_MS
    rig.s += idling.QUIET_S
    assert await rig.advanced()
    assert rig.advances == [MINUTE_MS]


async def test_one_timer_runs_at_a_time_and_none_when_it_is_over(rig: Rig) -> None:
    for now_ms in (0, 1_000, 2_000):
        rig.now_ms = now_ms
        assert not await rig.advanced()
    assert rig.waits_s == [68.0]
    rig.idling.close()
    assert rig.waits_s == []
    rig.due_ms = None
    assert not await rig.advanced()
    assert (rig.waits_s, rig.asked) == ([], 0)
