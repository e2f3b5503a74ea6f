"""Projectors of two releases, of which the later one has raised a read model's version, over one store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import replace
from functools import partial

import pytest_asyncio
from structlog.testing import capture_logs

from storage.memory.builds import MemoryBuilds
from storage.memory.copies import MemoryHotStore
from storage.memory.log import MemoryDeadLetters
from streams.log.accepted import AcceptedCommit
from streams.log.letters import LetterAction, encode_letter
from streams.log.ports import Stored
from streams.projections.hot import HotCopy
from streams.projections.projection import PoisonDecision, Projection
from streams.projections.table import Key, Row, Table
from streams.projector.lane_ports import LanePorts
from streams.projector.projector import Projector
from streams.projector.settings import LaneSettings
from streams.projector.status import Shown
from streams.projector.told import LettersOfTopic
from streams.projector.watch import LaneName, Silent
from tests.unit.projector.toy import (
    ENTRIES,
    POISON,
    TALLY,
    TOY,
    ListLog,
    MoodyStore,
    ToyFold,
    at_once,
    keys,
    logbook,
    poisoned,
    projection,
    truth,
)
from tests.unit.replay.logbook import WHERE, WORDS

RECORDS = logbook(*keys(30, 10)).records
HALF = len(RECORDS) // 2
LIVE, BEFORE, BESIDE = LaneName("toy", WHERE), LaneName("toy@1", WHERE), LaneName("toy@2", WHERE)
REFUSED = "dev/2"


class LaterFold(ToyFold):
    """Takes no decision on one key: it has those put aside."""

    def commit(self, accepted: AcceptedCommit, without: Collection[int] = ()) -> None:
        for one in accepted.decided:
            if one.decision.key == REFUSED and one.index not in without:
                super().commit(accepted, {*without, *range(one.index, len(accepted.commit.decisions))})
                raise PoisonDecision(accepted, one.index, LookupError("of this version"))
        super().commit(accepted, without)


RAISED = replace(TOY, version=2)
FIRST, NEXT = replace(TOY, build=1), replace(RAISED, build=2)


class TopicOf:
    """Dead letters as a topic has them, behind a note, and what no letter is."""

    def __init__(self, letters: MemoryDeadLetters) -> None:
        self._letters = letters

    async def bounds(self) -> tuple[int, int]:
        return 3, 6 + len(self._letters.letters)

    async def read(self, start: int, end: int | None = None) -> AsyncIterator[list[Stored]]:
        assert start >= 3
        note = encode_letter(LetterAction("PURGED", "somebody", (2,), ""))
        stored = [None, b"garbage", note, *map(encode_letter, self._letters.letters)]
        for offset in range(start, end or 0):
            yield [Stored(offset, 0, stored[offset - 3])]


class World:
    """A log, a store, an operator, and projectors of releases."""

    def __init__(self) -> None:
        self.store, self.letters = MoodyStore(), MemoryDeadLetters()
        self.builds, self.hot = MemoryBuilds(self.store), MemoryHotStore()
        self.log = ListLog(list(RECORDS[:HALF]))
        self.projectors: list[Projector] = []

    async def release(self, read_model: Projection, *, beside: bool = False) -> Projector:
        """Start a projector that has the only partition of its group."""
        told = LettersOfTopic(TopicOf(self.letters))
        ports = LanePorts(self.store, self.letters, lambda _: self.log, Silent(), self.builds, told)
        settings = LaneSettings(
            look_s=0.0, hand_over_s=0.0, pace_s=0.0, retries=0, mirror_pause_s=0.0, first_pause_s=0.0,
            longest_pause_s=0.0, beside=beside,
        )  # fmt: skip
        made = Projector((read_model,), {"locks": WORDS}, ports, settings, self.hot)
        self.projectors.append(made)
        await made.assigned([WHERE])
        return made

    async def until(self, holds: Callable[[], object]) -> None:
        """Feed all projectors until it holds."""
        pause, _ = at_once()
        for _ in range(20_000):
            for each in self.projectors:
                each.sought(each.seeks())
                for where in each.ready():
                    await each.feed(where, self.log.records)
            if holds():
                return
            await pause(0)
        raise AssertionError([each.lanes for each in self.projectors])

    def has(self, read_model: Projection, end: int) -> bool:
        """Return whether a build stands there."""
        stored = self.store.checkpoints.get((read_model.name, read_model.build or 0, WHERE))
        return stored is not None and stored.checkpoint.next_offset == end

    def live(self) -> dict[Table, dict[Key, Row]]:
        """Return what everybody reads."""
        return {table: self.store.rows.get(table, {}) for table in (TALLY, ENTRIES)}


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    for each in made.projectors:
        await each.close()


async def test_a_later_release_leaves_alone_what_is_live_and_says_so(world: World) -> None:
    old = await world.release(TOY)
    await world.until(lambda: world.has(FIRST, HALF))
    await old.close()
    world.log.records += RECORDS[HALF:]
    new = await world.release(RAISED)
    await world.until(lambda: new.lanes[LIVE].phase == "left alone")
    for _ in range(3):
        new.lanes[LIVE].reload()
        await world.until(lambda: new.lanes[LIVE].phase == "left alone")
    assert "version 1" in str(new.lanes[LIVE].trouble)
    assert world.has(FIRST, HALF)
    assert world.live() == truth(RECORDS[:HALF])
    shown = Shown("new")
    shown.projector, shown.waits_for = new, None
    assert shown.ready  # so that one after the other may be replaced


async def test_one_builds_beside_while_the_other_keeps_what_is_live(world: World) -> None:
    old, new = await world.release(TOY), await world.release(RAISED, beside=True)
    await world.until(lambda: world.has(FIRST, HALF))
    assert list(new.lanes) == []
    await world.builds.begin(RAISED, 2)
    await world.until(lambda: world.has(NEXT, HALF))
    world.log.records += RECORDS[HALF:]
    await world.until(lambda: world.has(NEXT, len(RECORDS)) and world.has(FIRST, len(RECORDS)))
    assert (set(old.lanes), set(new.lanes)) == ({LIVE}, {BESIDE})
    assert world.live() == truth(RECORDS) == world.store.beside["toy", 2]


async def test_promoted_and_rolled_back_each_release_goes_on_with_its_own(world: World) -> None:
    old, new = await world.release(TOY), await world.release(RAISED, beside=True)
    await world.until(lambda: world.has(FIRST, HALF))
    await world.builds.begin(RAISED, 2)
    await world.until(lambda: world.has(NEXT, HALF))
    first, second = old.lanes[LIVE], new.lanes[BESIDE]
    await world.builds.switch(RAISED, 2, within_s=0.0, force=False)
    await world.until(lambda: old.lanes.get(BEFORE) is first and new.lanes.get(LIVE) is second)
    world.log.records += RECORDS[HALF:]
    await world.until(lambda: world.has(NEXT, len(RECORDS)) and world.has(FIRST, len(RECORDS)))
    await world.until(lambda: LIVE in old.lanes and old.lanes[LIVE].phase == "left alone")
    assert {at[1]: stored.version for at, stored in world.store.checkpoints.items()} == {1: 1, 2: 2}
    assert world.live() == truth(RECORDS) == world.store.beside["toy", 1]
    await world.builds.rollback(RAISED, within_s=0.0, force=False)
    await world.until(lambda: old.lanes.get(LIVE) is first and new.lanes.get(BESIDE) is second)


async def test_a_copy_that_nobody_keeps_any_more_is_taken_away(world: World) -> None:
    mine, later = HotCopy(TALLY, 1, WHERE), HotCopy(TALLY, 2, WHERE)
    await world.release(TOY)
    await world.until(lambda: mine in world.hot.copies)
    await world.release(RAISED, beside=True)
    await world.builds.begin(RAISED, 2)
    await world.until(lambda: world.has(FIRST, HALF) and world.has(NEXT, HALF))
    assert set(world.hot.copies) == {mine}
    await world.builds.switch(RAISED, 2, within_s=0.0, force=False)
    await world.until(lambda: set(world.hot.copies) == {later})
    await world.builds.rollback(RAISED, within_s=0.0, force=False)
    await world.until(lambda: set(world.hot.copies) == {mine})


async def test_it_goes_on_when_the_build_of_the_release_before_is_retired(world: World) -> None:
    await world.release(TOY)
    new = await world.release(RAISED, beside=True)
    await world.until(lambda: world.has(FIRST, HALF))
    await world.builds.begin(RAISED, 2)
    await world.until(lambda: world.has(NEXT, HALF))
    await world.builds.switch(RAISED, 2, within_s=0.0, force=False)
    await world.builds.retire(RAISED, 1)
    world.log.records += RECORDS[HALF:]
    await world.until(lambda: world.has(NEXT, len(RECORDS)))
    assert new.lanes[LIVE].live


async def test_started_anew_when_no_older_build_is_left_it_goes_on_with_what_it_made_live(
    world: World,
) -> None:
    await world.release(TOY)
    new = await world.release(RAISED, beside=True)
    await world.until(lambda: world.has(FIRST, HALF))
    await world.builds.begin(RAISED, 2)
    await world.until(lambda: world.has(NEXT, HALF))
    await world.builds.switch(RAISED, 2, within_s=0.0, force=False)
    await world.builds.retire(RAISED, 1)
    await new.close()
    again = await world.release(RAISED, beside=True)
    world.log.records += RECORDS[HALF:]
    await world.until(lambda: world.has(NEXT, len(RECORDS)))
    assert again.lanes[LIVE].live


async def test_beside_nothing_is_made_of_what_was_never_raised(world: World) -> None:
    await world.builds.begin(TOY, 2)
    new = await world.release(TOY, beside=True)
    assert not new.lanes


async def test_at_its_start_a_projector_says_once_what_stands_still_for_it_and_the_cure(world: World) -> None:
    with capture_logs() as told:
        await world.release(TOY)
        await world.until(lambda: world.has(FIRST, HALF))
        assert not told
        new = await world.release(RAISED)
        for _ in range(3):
            await world.until(lambda: new.lanes[LIVE].phase == "left alone")
            new.lanes[LIVE].reload()
    (said,) = told
    assert said["log_level"] == "error"
    assert "toy@1 is of version 1, this release has version 2" in said["why"]
    assert "TIDELOCK_PROJECTOR_BESIDE=1" in said["why"]
    assert "`tidelock projection build toy@2`" in said["why"]


async def test_beside_it_says_what_is_to_be_built_and_when_that_is_nothing(world: World) -> None:
    with capture_logs() as told:
        await world.release(TOY)
        await world.until(lambda: world.has(FIRST, HALF))
        await world.release(TOY, beside=True)
        new = await world.release(RAISED, beside=True)
        await world.builds.begin(RAISED, 2)
        await world.until(lambda: BESIDE in new.lanes)
    nothing, waits = told
    assert "TIDELOCK_PROJECTOR_BESIDE" in nothing["event"]
    assert waits["event"] == "a build is waited for"
    assert "tidelock projection build toy@2" in waits["why"]


async def test_two_that_build_the_same_lose_nothing(world: World) -> None:
    await world.release(TOY)
    for beside in (True, False):  # as while projectors of the release before are replaced
        await world.release(RAISED, beside=beside)
    await world.builds.begin(RAISED, 2)
    await world.until(lambda: world.has(NEXT, HALF))
    for end in range(HALF, len(RECORDS)):
        world.log.records.append(RECORDS[end])
        await world.until(partial(world.has, NEXT, end + 1))
    assert world.store.beside["toy", 2] == truth(RECORDS)


async def test_what_is_emptied_is_built_anew_in_place_by_the_release_that_emptied_it(world: World) -> None:
    old = await world.release(TOY)
    await world.until(lambda: world.has(FIRST, HALF))
    new = await world.release(RAISED)
    await world.until(lambda: new.lanes[LIVE].phase == "left alone")
    await world.store.reset(RAISED)
    await world.until(lambda: new.lanes[LIVE].phase == "following" and world.has(FIRST, HALF))
    await world.until(lambda: old.lanes[LIVE].phase == "left alone")
    assert [stored.version for stored in world.store.checkpoints.values()] == [2]


async def test_what_the_later_fold_puts_aside_gets_a_letter_though_the_live_one_took_it(world: World) -> None:
    await world.release(TOY)
    raised = replace(projection(fold=LaterFold), version=2)
    await world.release(raised, beside=True)
    await world.until(lambda: world.has(FIRST, HALF))
    assert not world.letters.letters
    await world.builds.begin(raised, 2)
    await world.until(lambda: world.has(NEXT, HALF))
    counted = world.store.beside["toy", 2][TALLY]
    assert (0, REFUSED) in world.live()[TALLY]
    assert (0, REFUSED) not in counted
    assert len(world.letters.letters) == world.live()[TALLY][0, REFUSED][2]


async def test_what_the_release_before_put_aside_gets_no_second_letter_of_the_later_one(world: World) -> None:
    world.log.records = list(logbook(*poisoned(POISON, POISON)).records)
    end = len(world.log.records)
    await world.release(TOY)
    await world.until(lambda: world.has(FIRST, end))
    places = [letter.place for letter in world.letters.letters]
    await world.release(RAISED, beside=True)
    await world.builds.begin(RAISED, 2)
    await world.until(lambda: world.has(NEXT, end))
    assert (len(places), [letter.place for letter in world.letters.letters]) == (2, places)
    assert world.store.beside["toy", 2] == world.live()
