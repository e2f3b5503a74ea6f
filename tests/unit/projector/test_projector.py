"""Partitions come and go: lanes that stay keep their folds, those that go let go; stored checkpoints are looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from storage.memory.copies import MemoryHotStore
from storage.memory.log import MemoryDeadLetters
from streams.log.positions import PartitionId
from streams.projections.ports import SinkUnavailable
from streams.projector.ends import Ends
from streams.projector.identity import LogReplaced
from streams.projector.lane_ports import LanePorts
from streams.projector.projector import Projector
from streams.projector.settings import LaneSettings
from streams.projector.watch import LaneName, Silent
from streams.projector.watchdog import LoopGuard, Watchdog
from tests.unit.projector.test_identity import another
from tests.unit.projector.toy import TALLY, TOY, ListLog, MoodyStore, keys, logbook, truth, until
from tests.unit.replay.logbook import WHERE, WORDS

OTHER = PartitionId("locks", 1)
RECORDS = logbook(*keys(30, 10)).records


class Rig:
    """A projector over two partitions with the same records, and what stands for Faust."""

    def __init__(self) -> None:
        self.store, self.hot = MoodyStore(), MemoryHotStore()
        self.ends = {WHERE: len(RECORDS), OTHER: len(RECORDS)}
        self.log = ListLog(RECORDS)
        ports = LanePorts(self.store, MemoryDeadLetters(), lambda _: self.log, Silent())
        settings = LaneSettings(look_s=0.0, log_look_s=0.005, hand_over_s=0.0, pace_s=0.0)
        self.projector = Projector((TOY,), {"locks": WORDS}, ports, settings, self.hot)

    async def drain(self) -> None:
        """One turn of what Faust's consumer does."""
        seeks = self.projector.seeks()
        self.projector.sought(seeks)
        for where in self.projector.ready():
            await self.projector.feed(where, RECORDS)

    async def settled(self, *wheres: PartitionId) -> None:
        for _ in range(2000):
            await self.drain()
            if all(self.projector.hints().get(where) == len(RECORDS) for where in wheres):
                return
            await asyncio.sleep(0)
        raise AssertionError(f"{self.projector.hints()}")

    def lane(self, where: PartitionId) -> object:
        return self.projector.lanes.get(LaneName("toy", where))


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    one = Rig()
    yield one
    await one.projector.close()


async def test_what_is_assigned_is_projected_and_mirrored(rig: Rig) -> None:
    assert not rig.projector.joined
    await rig.projector.assigned([WHERE, OTHER])
    await rig.settled(WHERE, OTHER)
    assert {key[0] for key in rig.store.rows[TALLY]} == {0, 1}
    await until(lambda: len(rig.hot.copies) == 2)
    assert rig.projector.joined


async def test_through_a_rebalance_what_stays_is_not_loaded_again_and_what_goes_is_let_go(rig: Rig) -> None:
    await rig.projector.assigned([WHERE, OTHER])
    await rig.settled(WHERE, OTHER)
    stays, loads = rig.lane(WHERE), rig.store.loads
    await rig.projector.pause()
    await rig.projector.assigned([WHERE])
    assert rig.lane(WHERE) is stays
    assert rig.lane(OTHER) is None
    assert set(rig.projector.seeks()) == {WHERE}  # the feeder may have lost its place
    assert rig.store.loads == loads
    await rig.projector.assigned([OTHER, WHERE])
    await rig.settled(WHERE, OTHER)
    assert rig.store.loads == loads + 1


async def test_a_lane_whose_store_passes_over_its_cancellation_ends_all_the_same(rig: Rig) -> None:
    cancelled = asyncio.Event()

    async def dies(*_: object) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if cancelled.is_set():
                raise
            cancelled.set()
            raise SinkUnavailable("the server died") from None

    rig.store.load = dies  # type: ignore[method-assign, assignment]
    await rig.projector.assigned([WHERE])
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await rig.projector.assigned([])
    assert cancelled.is_set()
    assert rig.lane(WHERE) is None


async def test_a_rebuild_is_noticed_also_when_nothing_is_decided(rig: Rig) -> None:
    await rig.projector.assigned([WHERE])
    await rig.settled(WHERE)
    await rig.store.reset(TOY)
    await until(lambda: rig.projector.hints() == {WHERE: 0} or rig.store.loads == 2)
    await rig.settled(WHERE)
    assert rig.store.rows[TALLY] == truth(RECORDS)[TALLY]


async def test_a_look_that_fails_is_no_reason_to_load_again(rig: Rig) -> None:
    await rig.projector.assigned([WHERE])
    await rig.settled(WHERE)
    loads, failed = rig.store.loads, 0

    async def away(*_: object) -> None:
        nonlocal failed
        failed += 1
        raise SinkUnavailable("away")

    rig.store.positions = away  # type: ignore[method-assign, assignment]
    await until(lambda: failed > 3)
    assert rig.store.loads == loads


async def test_only_who_has_begun_and_has_room_is_fed(rig: Rig) -> None:
    rig.store.before = [SinkUnavailable("away")]
    await rig.projector.assigned([WHERE])
    assert not rig.projector.seeks()
    assert not rig.projector.ready()
    await until(rig.projector.seeks)
    assert not rig.projector.ready()
    rig.projector.sought({WHERE: 5})  # a seek that was overtaken
    assert rig.projector.seeks() == {WHERE: 0}
    rig.projector.sought({WHERE: 0, OTHER: 0})
    assert rig.projector.ready() == {WHERE}
    await rig.projector.feed(OTHER, RECORDS)  # what came for a partition that is gone


# ── standing still ──────────────────────────────────────────────────────────────────────────────────────────


def dog_of(rig: Rig, rebalancing: list[bool]) -> Watchdog:
    async def look_up(_: object) -> dict[PartitionId, int]:
        return rig.ends

    ends = Ends(look_up, rig.projector.tails.keys)
    ends.known, ends.seen_s = rig.ends, float("inf")
    return Watchdog(rig.projector, ends, lambda: rebalancing[0], stall_s=10.0)


async def test_records_that_nobody_brings_are_a_standstill(rig: Rig) -> None:
    await rig.projector.assigned([WHERE])
    await rig.settled(WHERE)
    dog = dog_of(rig, [False])
    assert dog.look(0.0) is None
    assert dog.look(100.0) is None  # there is nothing to do
    rig.ends[WHERE] += 1
    assert dog.look(200.0) is None
    assert dog.look(209.0) is None
    assert dog.look(211.0) == "toy locks/0"


async def test_a_search_for_what_is_refused_is_no_standstill_as_long_as_it_goes_on(rig: Rig) -> None:
    await rig.projector.assigned([WHERE])
    await rig.settled(WHERE)
    dog, lane = dog_of(rig, [False]), rig.projector.lanes[LaneName("toy", WHERE)]
    rig.ends[WHERE] += 1
    for now_s in range(0, 100, 9):
        lane._model.attempts += 1
        assert dog.look(float(now_s)) is None
    assert dog.look(111.0) == "toy locks/0"


async def test_progress_and_sinks_that_are_away_are_no_standstill(rig: Rig) -> None:
    dog = dog_of(rig, [False])
    rig.store.open.clear()
    await rig.projector.assigned([WHERE])
    await until(rig.projector.seeks)
    await rig.drain()
    await until(lambda: rig.store.begun == 1)
    assert [dog.look(at) for at in (0.0, 50.0)] == [None, None]  # a write is under way
    rig.store.before = [SinkUnavailable("away")] * 10**6
    rig.store.open.set()
    await until(lambda: getattr(rig.lane(WHERE), "phase", "") == "waiting")
    assert [dog.look(at) for at in (60.0, 110.0)] == [None, None]


async def test_a_rebalance_that_never_ends_is_a_standstill(rig: Rig) -> None:
    rebalancing = [True]
    dog = dog_of(rig, rebalancing)
    assert dog.look(0.0) is None
    rebalancing[0] = False
    assert dog.look(50.0) is None
    rebalancing[0] = True
    assert dog.look(60.0) is None
    assert dog.look(71.0) == "the group's rebalance"


async def test_a_kafka_that_is_away_is_no_standstill(rig: Rig) -> None:
    dog = dog_of(rig, [True])
    dog._ends.seen_s = None
    assert [dog.look(at) for at in (0.0, 50.0)] == [None, None]
    dog._ends.seen_s = 55.0
    assert [dog.look(at) for at in (60.0, 65.0, 66.0, 100.0)] == [None] * 4


def test_an_event_loop_that_does_not_turn_ends_the_process_and_one_that_does_not() -> None:
    looks, codes = 0, list[int]()

    def pause(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks <= 20:
            guard.beat()

    guard = LoopGuard(6, looks=5, pause=pause)
    guard._end = codes.append
    guard._watch()
    assert (codes, looks) == ([6], 24)


async def test_logs_made_anew_are_noticed_though_nothing_comes(rig: Rig) -> None:
    await rig.projector.assigned([WHERE, OTHER])
    await rig.settled(WHERE, OTHER)
    rig.log.records = another(60, 20).records
    lanes = rig.projector.lanes.values()
    await until(lambda: all(isinstance(lane.trouble, LogReplaced) for lane in lanes))
    assert {lane.phase for lane in lanes} == {"halted"}
