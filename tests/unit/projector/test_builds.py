"""Builds beside the live one: lanes of their own, side effects of the live one alone, a pace, and roles that change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest
import pytest_asyncio

from storage.memory.builds import MemoryBuilds
from storage.memory.copies import MemoryHotStore
from storage.memory.log import MemoryDeadLetters
from streams.log.checkpoint import START, Checkpoint
from streams.log.positions import PartitionId
from streams.projections.hot import HotCopy
from streams.projections.ports import Loaded, SinkUnavailable
from streams.projections.projection import Projection
from streams.projector.lane_ports import LanePorts
from streams.projector.pace import YIELDS, BuildPace
from streams.projector.projector import Projector
from streams.projector.settings import LaneSettings
from streams.projector.watch import LaneName, Silent
from tests.unit.projector.toy import (
    POISON,
    TALLY,
    TOY,
    ListLog,
    MoodyStore,
    at_once,
    keys,
    logbook,
    poisoned,
    truth,
    until,
)
from tests.unit.replay.logbook import WHERE, WORDS

RECORDS = logbook(*keys(30, 10)).records
BESIDE = LaneName("toy@2", WHERE)
LIVE = LaneName("toy", WHERE)
NEXT = replace(TOY, build=2)
COPY = HotCopy(TALLY, TOY.version, WHERE)


class Rig:
    """A projector of one partition, what stands for Faust, and an operator."""

    def __init__(self, records: list[object] | None = None, store: MoodyStore | None = None) -> None:
        self.records = RECORDS if records is None else records
        self.store, self.hot, self.letters = store or MoodyStore(), MemoryHotStore(), MemoryDeadLetters()
        self.builds = MemoryBuilds(self.store)
        self.log = ListLog(self.records)  # type: ignore[arg-type]
        ports = LanePorts(self.store, self.letters, lambda _: self.log, Silent(), self.builds)
        settings = LaneSettings(look_s=0.0, hand_over_s=0.0, pace_s=0.0, retries=0, mirror_pause_s=0.0)
        self.projector = Projector((TOY,), {"locks": WORDS}, ports, settings, self.hot)

    async def drain(self) -> None:
        self.projector.sought(self.projector.seeks())
        for where in self.projector.ready():
            await self.projector.feed(where, self.records)  # type: ignore[arg-type]

    async def reached(self, projection: Projection, end: int | None = None) -> None:
        """Feed until the build has all."""

        async def there() -> bool:
            stored = (await self.store.positions(projection)).get(WHERE)
            return stored is not None and stored.next_offset == (end or len(self.records))

        for _ in range(20_000):
            await self.drain()
            if await there():
                return
            await _turn()
        raise AssertionError(f"{self.projector.lanes}")


async def _turn() -> None:
    pause, _ = at_once()
    await pause(0)


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    one = Rig()
    yield one
    await one.projector.close()


async def test_a_build_is_begun_beside_and_has_the_rows_of_one_plain_pass(rig: Rig) -> None:
    await rig.projector.assigned([WHERE])
    await rig.reached(TOY)
    await rig.builds.begin(TOY, 2)
    await rig.reached(NEXT)
    assert rig.store.beside["toy", 2] == truth(rig.log.records)
    assert set(rig.projector.lanes) == {LIVE, BESIDE}
    assert (await rig.builds.compare(TOY, 2, 1, 0.0)).rows == 0


async def test_a_projector_that_starts_brings_on_every_build_of_its_version_and_no_other(rig: Rig) -> None:
    await rig.builds.begin(TOY, 2)
    await rig.builds.begin(replace(TOY, version=9), 3)
    await rig.projector.assigned([WHERE])
    await rig.reached(NEXT)
    assert set(rig.projector.lanes) == {LIVE, BESIDE}


async def test_the_lag_that_is_shown_of_the_group_is_that_of_what_is_live(rig: Rig) -> None:
    await rig.builds.begin(TOY, 2)
    await rig.projector.assigned([WHERE])
    await rig.projector.lanes[BESIDE].pause()  # it writes nothing
    await rig.reached(TOY)
    await until(lambda: rig.projector.hints() == {WHERE: len(RECORDS)})


async def test_a_promotion_changes_names_and_nothing_is_loaded_again(rig: Rig) -> None:
    await rig.projector.assigned([WHERE])
    await rig.builds.begin(TOY, 2)
    await rig.reached(TOY)
    await rig.reached(NEXT)
    first, second, loads = rig.projector.lanes[LIVE], rig.projector.lanes[BESIDE], rig.store.loads
    await rig.builds.switch(TOY, 2, within_s=0.0, force=False)
    await until(lambda: rig.projector.lanes.get(LIVE) is second)
    assert rig.projector.lanes[LaneName("toy@1", WHERE)] is first
    assert (first.live, second.live, rig.store.loads) == (False, True, loads)
    assert set(rig.projector.mirrors) == set(rig.projector.lanes)
    await rig.builds.rollback(TOY, within_s=0.0, force=False)
    await until(lambda: rig.projector.lanes.get(LIVE) is first)


async def test_of_a_retired_build_no_lane_is_left_and_the_others_go_on(rig: Rig) -> None:
    await rig.projector.assigned([WHERE])
    await rig.builds.begin(TOY, 2)
    await rig.reached(NEXT)
    await rig.builds.retire(TOY, 2)
    await until(lambda: set(rig.projector.lanes) == {LIVE})
    await rig.reached(TOY)
    await rig.projector.assigned([])
    assert not rig.projector.lanes


async def test_a_partition_that_comes_later_has_lanes_of_all_builds(rig: Rig) -> None:
    other = PartitionId("locks", 1)
    await rig.projector.assigned([WHERE])
    await rig.builds.begin(TOY, 2)
    await until(lambda: BESIDE in rig.projector.lanes)
    await rig.projector.assigned([WHERE, other])
    assert LaneName("toy@2", other) in rig.projector.lanes
    await rig.projector.assigned([other])
    assert {name.where for name in rig.projector.lanes} == {other}


async def test_the_hot_copy_is_the_live_builds_alone(rig: Rig) -> None:
    await rig.builds.begin(TOY, 2)
    await rig.projector.assigned([WHERE])
    rig.projector.lanes[LIVE].become(live=False)  # so that the only mirror that speaks is the one promoted
    await rig.reached(TOY)
    await rig.reached(NEXT)
    assert not rig.hot.copies
    rig.projector.lanes[BESIDE].become(live=True)
    await until(lambda: rig.hot.copies)
    assert rig.hot.copies.keys() == {COPY}
    assert rig.hot.copies[COPY][0] == len(RECORDS)


async def test_a_build_that_becomes_live_takes_the_hot_copy_over_with_its_own_rows(rig: Rig) -> None:
    await rig.builds.begin(TOY, 2)
    await rig.projector.assigned([WHERE])
    await rig.reached(TOY)
    await rig.reached(NEXT)
    await until(lambda: rig.hot.copies[COPY][0] == len(RECORDS))
    rig.hot.copies[COPY][1]["only the first build"] = "has this row"
    rig.projector.lanes[LIVE].become(live=False)
    rig.projector.lanes[BESIDE].become(live=True)
    await until(lambda: "only the first build" not in rig.hot.copies[COPY][1])
    assert rig.hot.copies[COPY][0] == len(RECORDS)


async def test_what_the_live_build_put_aside_gets_no_second_letter() -> None:
    rig = Rig(list(logbook(*poisoned(POISON)).records))
    await rig.projector.assigned([WHERE])
    await rig.reached(TOY)
    letters = len(rig.letters.letters)
    await rig.builds.begin(TOY, 2)
    await rig.reached(NEXT)
    assert (letters, len(rig.letters.letters)) == (1, 1)
    assert (await rig.builds.compare(TOY, 2, 1, 0.0)).rows == 0
    await rig.projector.close()


class NoLiveLane(MoodyStore):
    """Where nobody brings the live build on: it stands before some record."""

    def __init__(self, live_next: int) -> None:
        super().__init__()
        self._live_next, self.gives_live = live_next, False

    async def load(self, projection: Projection, where: PartitionId) -> Loaded:
        if projection.build != NEXT.build and not self.gives_live:
            raise SinkUnavailable("the live build is not given")
        return await super().load(projection, where)

    async def positions(self, projection: Projection) -> Mapping[PartitionId, Checkpoint]:
        if projection.build is None and not self.gives_live:
            return {WHERE: replace(START, next_offset=self._live_next)}
        return await super().positions(projection)


@pytest.mark.parametrize(("live_next", "letters"), [(0, 1), (3, 1), (4, 0)])
async def test_what_lies_ahead_of_the_live_build_gets_its_letter(live_next: int, letters: int) -> None:
    rig = Rig(list(logbook(*poisoned(POISON)).records), NoLiveLane(live_next))
    await rig.builds.begin(TOY, 2)
    await rig.projector.assigned([WHERE])
    await rig.reached(NEXT)
    assert [letter.offset for letter in rig.letters.letters] == [3] * letters
    rig.store.gives_live = True  # type: ignore[attr-defined]
    await rig.reached(TOY)
    # the live build cannot know of it; whoever reads both sees one place
    assert [letter.offset for letter in rig.letters.letters] == [3] * (letters + 1)
    assert len({letter.place for letter in rig.letters.letters}) == 1
    await rig.projector.close()


async def test_builds_wait_for_what_is_live_and_behind_but_not_for_ever() -> None:
    pause, paused = at_once()
    pace = BuildPace(1_000, lambda: True, pause, lambda: 0.0)
    await pace(500)
    assert len(paused) == YIELDS + 1
    assert paused[-1] == pytest.approx(0.5)


async def test_all_builds_of_a_process_share_one_pace() -> None:
    pause, paused = at_once()
    pace = BuildPace(1_000, lambda: False, pause, lambda: 10.0)
    for decisions in (500, 500, 0):
        await pace(decisions)
    assert paused == [pytest.approx(0.5), pytest.approx(1.0), pytest.approx(1.001)]
    await BuildPace(0, lambda: False, pause)(10**9)
    assert len(paused) == 3
