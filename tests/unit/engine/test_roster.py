"""A worker's owners are supervised: each partition that is assigned here has one owner that runs, never two."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from streams.engine.outbox import Identity
from streams.engine.owner import Owner
from streams.engine.roster import Access, Roster
from streams.engine.telemetry import OWNERS_ENDED
from tests.unit.engine.harness import until
from tests.unit.engine.lane import LOCKS_0, SYSTEM, TOKEN, WORDS, Lane

MINE = frozenset({LOCKS_0})


class FakeOwner:
    """Runs until it is stopped and allowed to end, or told to fail."""

    def __init__(self) -> None:
        self.phase = "leading"
        self.running = False
        self.stopping = asyncio.Event()
        self.may_end = asyncio.Event()
        self.fails: Exception | None = None

    async def run(self) -> None:
        self.running = True
        try:
            await self.may_end.wait()
            if self.fails is not None:
                raise self.fails
        finally:
            self.running = False

    async def stop(self) -> None:
        self.stopping.set()


class Owners:
    """A roster, and every owner it ever made."""

    def __init__(self) -> None:
        self.made: list[FakeOwner] = []
        self.cannot_make = 0
        self.roster: Roster = Lane().roster
        self.roster.restart_pause_s = 0.0
        self.roster.owner_factory = lambda where: cast("Owner", self._make())

    def _make(self) -> FakeOwner:
        if self.cannot_make:
            self.cannot_make -= 1
            raise ValueError("no owner")
        self.made.append(FakeOwner())
        return self.made[-1]

    async def running(self, count: int) -> None:
        """Return once `count` owners were made and the last one runs."""
        await until(lambda: len(self.made) == count and self.made[-1].running)


@pytest_asyncio.fixture
async def owners() -> AsyncIterator[Owners]:
    made = Owners()
    yield made
    for owner in made.made:
        owner.may_end.set()
    await made.roster.close()


def ended() -> float:
    return float(OWNERS_ENDED.labels("locks", "0")._value.get())


@pytest.mark.parametrize("error", [RuntimeError("planted"), None], ids=["raises", "returns"])
async def test_an_owner_that_ends_unasked_has_a_successor(owners: Owners, error: Exception | None) -> None:
    before = ended()
    with capture_logs() as logs:
        await owners.roster.assigned(MINE, {})
        await owners.running(1)
        owners.made[0].fails = error
        owners.made[0].may_end.set()
        await owners.running(2)
    assert cast("FakeOwner", owners.roster.owners[LOCKS_0]) is owners.made[1]
    assert ended() == before + 1
    assert [(line["log_level"], line["partition"], line["error"]) for line in logs] == [
        ("error", "locks/0", repr(error))
    ]


async def test_an_owner_that_cannot_be_made_is_made_later(owners: Owners) -> None:
    owners.cannot_make = 2
    await owners.roster.assigned(MINE, {})
    assert not owners.roster.ready
    await owners.running(1)


async def test_an_owner_that_failed_has_no_successor_once_its_partition_is_lost(owners: Owners) -> None:
    owners.roster.restart_pause_s = 0.5
    await owners.roster.assigned(MINE, {})
    await owners.running(1)
    owners.made[0].may_end.set()
    await until(lambda: not owners.roster.owners)
    await owners.roster.assigned(frozenset(), {})
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(owners.roster.restart_pause_s, passed.set)
    await passed.wait()
    assert len(owners.made) == 1


async def test_an_assignment_does_not_wait_for_what_it_releases(owners: Owners) -> None:
    await owners.roster.assigned(MINE, {})
    await owners.running(1)
    await asyncio.wait_for(owners.roster.assigned(frozenset(), {}), 30)
    await owners.made[0].stopping.wait()
    assert owners.made[0].running
    assert not owners.roster.owners


async def test_a_partition_that_comes_back_waits_for_its_old_owner(owners: Owners) -> None:
    await owners.roster.assigned(MINE, {})
    await owners.running(1)
    await owners.roster.assigned(frozenset(), {})
    await owners.made[0].stopping.wait()
    await owners.roster.assigned(MINE, {})
    assert len(owners.made) == 1
    owners.made[0].may_end.set()
    await owners.running(2)
    assert not owners.made[0].running


async def test_after_close_a_late_assignment_creates_nothing(owners: Owners) -> None:
    await owners.roster.assigned(MINE, {})
    await owners.running(1)
    closing = asyncio.create_task(owners.roster.close())
    await owners.made[0].stopping.wait()
    await owners.roster.assigned(MINE, {})
    owners.made[0].may_end.set()
    await closing
    await owners.roster.assigned(MINE, {})
    assert len(owners.made) == 1
    assert not owners.roster.owners


async def test_who_may_write_to_a_topic_has_no_role_by_that() -> None:
    lane = Lane()
    assert lane.roster.authenticate(SYSTEM) == Identity("dev", "system", ("SYSTEM",))
    assert lane.roster.topic_identity() == Identity("dev", "app")
    access = Access(TOKEN, Identity("dev", "app", ("OPERATOR", "SYSTEM")))
    roster = Roster("w", "127.0.0.1:1", {"locks": WORDS}, 1, access, 1, lane.clock)
    assert roster.authenticate(TOKEN) == Identity("dev", "app", ("OPERATOR", "SYSTEM"))
    assert roster.topic_identity() == Identity("dev", "app")
    assert roster.authenticate(SYSTEM) is roster.authenticate("") is None
