"""A worker with a wrong clock claims once, not again and again: each claim fences whoever owns the partition."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams.engine.clock import Skew
from streams.engine.errors import ClockSkew
from tests.unit.engine.harness import Clock, World, running, turns, until
from tests.unit.engine.toy import Add

HOUR_MS = 3_600_000


@asynccontextmanager
async def skewed(world: World, skew_ms: int) -> AsyncIterator[World]:
    """Run the world's owner with a wrong clock until it has said so a few times."""
    world.clock.skew = skew_ms
    task = asyncio.create_task(world.owner.run())
    try:
        await until(lambda: len(world.watch.troubles) > 5)
        yield world
    finally:
        await world.owner.stop()
        await task


async def test_it_claims_once_and_says_so_until_its_clock_is_right() -> None:
    async with skewed(World(), HOUR_MS) as world:
        assert world.walked().head.claims == 1
        assert {type(trouble) for trouble in world.watch.troubles} == {ClockSkew}
        assert len({str(trouble) for trouble in world.watch.troubles}) == 1
        world.clock.skew = 0
        await world.leading()
        assert world.walked().head.claims == 2


async def test_the_owner_that_came_after_it_is_left_alone() -> None:
    async with skewed(World(), -HOUR_MS) as lame:
        healthy = World(broker=lame.broker)
        healthy.entropy.drawn = 99
        async with running(healthy):
            said = len(lame.watch.troubles)
            await until(lambda: len(lame.watch.troubles) > said + 5)
            await healthy.ask(Add("k", 1))
            assert healthy.watch.troubles == []
            assert healthy.walked().head.claims == 2


async def test_a_broker_whose_clock_was_set_right_is_noticed_after_the_pause() -> None:
    world = World()
    world.broker_clock.skew = HOUR_MS
    async with skewed(world, 0):
        world.broker_clock.skew = 0
        world.clock.now += world.settings.skew_pause_ms - 1
        said = len(world.watch.troubles)
        await until(lambda: len(world.watch.troubles) > said + 3)
        assert world.owner.phase != "leading"
        world.clock.now += 1
        await world.leading()
        assert world.walked().head.claims == 2


async def test_whoever_was_right_before_is_measured_by_every_claim() -> None:
    async with running(World()) as world:
        world.clock.skew = HOUR_MS
        world.foreign_claim()
        world.send(Add("k", 1))
        await until(lambda: any(isinstance(trouble, ClockSkew) for trouble in world.watch.troubles))
        await turns()
        assert world.owner.phase != "leading"


def test_what_is_known_moves_with_the_wall_clock_only() -> None:
    clock = Clock()
    clock.skew = 400
    known = Skew(400, clock, pause_ms=1000)
    clock.now += 999
    assert known.now_ms(clock) == 400
    clock.skew = -100
    assert known.now_ms(clock) == -100
    clock.now += 1
    assert known.now_ms(clock) is None
