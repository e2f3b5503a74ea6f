"""A worker with a wrong clock claims once a minute at the most: each claim fences whoever owns the partition."""

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


def pass_by(world: World, ms: int) -> None:
    """Let so much time go by, for the worker and the broker."""
    world.clock.now += ms
    world.broker_clock.now += ms


async def until_it_said_more(world: World) -> None:
    """Return once the owner has tried and failed a few times more."""
    said = len(world.watch.troubles)
    await until(lambda: len(world.watch.troubles) > said + 5)


async def test_it_claims_once_a_minute_at_the_most_and_says_so_until_its_clock_is_right() -> None:
    async with skewed(World(), HOUR_MS) as world:
        pause_ms = world.settings.skew_pause_ms
        assert pause_ms == 60_000
        for claims in (1, 2, 3):
            await until_it_said_more(world)
            assert world.walked().head.claims == claims
            pass_by(world, pause_ms - 1)
            await until_it_said_more(world)
            assert world.walked().head.claims == claims
            pass_by(world, 1)
        await until_it_said_more(world)
        assert {type(trouble) for trouble in world.watch.troubles} == {ClockSkew}
        assert len({str(trouble) for trouble in world.watch.troubles}) == 1
        world.clock.skew = 0
        await world.leading()
        assert world.walked().head.claims == 5


async def test_the_owner_that_came_after_it_is_left_alone_for_that_minute() -> None:
    async with skewed(World(), -HOUR_MS) as lame:
        healthy = World(broker=lame.broker)
        healthy.entropy.drawn = 99
        async with running(healthy):
            await until_it_said_more(lame)
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
