"""Windows that end by the clock: not before nothing can come any more, and for whoever goes on from there, too."""

from __future__ import annotations

import asyncio

import pytest

from storage.tables.store import TableProjectionStore
from streams.log.ports import LogUnavailable
from streams.projections.activity.projections import ACTIVITIES, IDLE_MS
from streams.projections.activity.reads import ActivityWindow, Restored
from streams.projections.activity.tables import ACTIVITY
from streams.projections.activity.views import MINUTE_MS, NAMES
from streams.projections.table import Row
from streams.projector import idling
from streams.projector.idling import Idling
from streams.projector.lane import Lane, LanePorts
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
        self, world: World, changelogs: MoodyChangelogs, monkeypatch: pytest.MonkeyPatch, quiet_s: float = 0.0
    ) -> None:
        self.world, self.tables, self.now_ms, self.asked = world, TableProjectionStore(changelogs), 2_000, 0
        ports = LanePorts(self.tables, world.letters, lambda _: world.log, Silent())

        def made(projection: object, log: object, wake: asyncio.Event) -> Idling:
            return Idling(LOCKS, world.log, wake, lambda: self.now_ms, quiet_s)

        monkeypatch.setattr("streams.projector.lane.Idling", made)
        self.lane = Lane(LOCKS, WORDS, world.tail, ports, world.settings, None, at_once()[0])
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
