"""Sweepers that are killed at any step, several at once, over lanes that lose commands and answers.

That no live session is ended, no session is issued that was ended before, and none is recorded that is not ended
everywhere, the world checks at each command.
"""

import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.nodes import commands as c
from streams.processes import follower
from streams.processes.lane import LaneRefused
from streams.processes.sweeper import process as shell
from streams.processes.sweeper import sweeper as core
from tests.property.processes.sweeper_world import EVERYWHERE, TIMEOUT_MS, World, WorldLane, sweeper

PATIENCE_S = 30.0
NAMES = ("n0", "n1", "n2", "n3", "n4")
FORGED = ("n0:3", "n1:40", "x:7")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "RETRY_S", 0.0)
    monkeypatch.setattr(core, "HOLD_BACK_S", 0.0)
    monkeypatch.setattr(core, "trusted_s_of", lambda _: 0.0)
    monkeypatch.setattr(shell, "FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(shell, "LONGEST_PAUSE_S", 0.0)


class Life:
    """What nodes and operators do meanwhile."""

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random

    def step(self) -> None:
        """Do one thing; what is refused is fine."""
        world, random = self._world, self._random
        name, live = random.choice(NAMES), world.live()
        try:
            match random.randrange(9):
                case 0 | 1 | 2:
                    world.join(name, random.choice(("c1", "c2")), random.choice(("", live.get(name, ""))))
                case 3:
                    world.do(c.DeregisterNode(name, live.get(name, "")))
                case 4:
                    world.do(c.EvictNode(name, "", "why"))
                case 5:
                    forged = random.random() < 0.2
                    session = random.choice(FORGED) if forged else live.get(name, "n0:1")
                    world.offer(session, f"i{random.randrange(3)}", f"s{random.randrange(3)}")
                case 6:
                    world.do(c.ReleaseBrake("go on"))
                case _:
                    self._beat()
                    world.pass_time(random.choice((10, 1_000, TIMEOUT_MS)))
        except LaneRefused:
            pass

    def _beat(self) -> None:
        for name, session in self._world.live().items():
            if self._random.random() < 0.8:
                node = self._world.states[f"dev/{name}"]
                self._world.beat(session, client=node.member.client)


class Crew:
    """Sweepers, each to be killed after so many commands; another takes the place of one that was."""

    def __init__(self, world: World, random: Random, trouble: int, kills: list[int]) -> None:
        self._world, self._random, self._trouble = world, random, trouble
        self._kills = kills
        self._count = 0
        self._running: list[tuple[asyncio.Task[None], WorldLane]] = []

    def start(self) -> None:
        """Begin one more."""
        self._count += 1
        one, _, lane = sweeper(self._world, f"s{self._count}", self._random, self._trouble)
        if self._kills:
            lane.dies_after = self._kills.pop()
        self._running.append((asyncio.create_task(one.run()), lane))

    async def replace_dead(self) -> None:
        """Kill those whose time has come, and begin others."""
        for task, lane in list(self._running):
            assert not task.done(), task
            if lane.is_dead:
                self._running.remove((task, lane))
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                self.start()

    async def stop(self) -> None:
        """Kill all."""
        tasks = [task for task, _ in self._running]
        for task in tasks:
            assert not task.done(), task
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def history(seed: int, trouble: int, kills: list[int]) -> None:
    random, world = Random(seed), World()
    life, crew = Life(world, random), Crew(world, random, trouble, kills)
    for _ in range(random.randint(1, 2)):
        crew.start()
    for _ in range(80):
        life.step()
        for _ in range(random.randrange(20)):
            await asyncio.sleep(0)
        await crew.replace_dead()
    while world.unswept():
        if world.brake.pulled:
            world.do(c.ReleaseBrake("go on"))
        world.pass_time(100)
        for _ in range(20):
            await asyncio.sleep(0)
        await crew.replace_dead()
    await crew.stop()
    check(world)


def check(world: World) -> None:
    assert set(world.gone).union(world.live().values()) == set(world.issued)
    for where in EVERYWHERE:
        ended = world.ended[where]
        assert len(set(ended)) == len(ended)
        assert not set(world.gone).difference(ended)
        assert not set(world.live().values()).intersection(ended)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from((0, 10, 40)), st.lists(st.integers(0, 30), max_size=12))
def test_every_ended_session_is_ended_everywhere_once_whatever_happens(
    seed: int, trouble: int, kills: list[int]
) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await history(seed, trouble, kills)

    asyncio.run(bounded())


@pytest.mark.parametrize("step", range(2 + len(EVERYWHERE) + 2))
def test_a_sweeper_may_be_killed_at_each_command(step: int) -> None:
    """Two barriers, an EndSession to each partition, one SweepDone, and then none."""

    async def bounded() -> None:
        world = World()
        world.do(c.DeregisterNode("n1", world.join("n1")))
        crew = Crew(world, Random(step), 0, [step])
        crew.start()
        async with asyncio.timeout(PATIENCE_S):
            while world.unswept():
                await asyncio.sleep(0)
                await crew.replace_dead()
        await crew.stop()
        check(world)

    asyncio.run(bounded())
