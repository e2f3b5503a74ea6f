"""What the process shows of itself, before and while it works."""

import asyncio

from streams.domain.nodes.commands import DeregisterNode
from streams.processes.status import AtWork, status_of
from tests.property.processes.mover_world import World, mover
from tests.property.processes.sweeper_world import EVERYWHERE, sweeper
from tests.property.processes.sweeper_world import World as NodesWorld


def test_before_anything_has_started_it_is_not_ready() -> None:
    assert not AtWork().tailing
    told = status_of("p", AtWork())
    assert told["moves"] == {"leads": False, "moving": 0, "under_way": 0, "waits": 0, "waited_for": []}


async def test_it_names_the_queues_that_are_waited_for() -> None:
    world = World()
    world.create("orders", max_attempts=1, dead_letter_queue="tiny")
    world.create("tiny", max_depth=1)
    world.enqueue("orders", b"1", b"2")
    world.kill("orders", 2)
    one, _ = mover(world)
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(30):
        while not one.state.paused:
            await asyncio.sleep(0)
    running.cancel()
    told = status_of("p", AtWork(movers=[one]))
    moves = told["moves"]
    assert isinstance(moves, dict)
    assert (told["tailing"], moves["moving"], moves["waits"]) == (True, 1, 1)
    assert [(each["queue"], each["code"]) for each in moves["waited_for"]] == [("tiny", "QUEUE_FULL")]


async def test_it_names_the_partitions_that_sweeps_wait_for() -> None:
    world = NodesWorld()
    world.do(DeregisterNode("n1", world.join("n1")))
    world.down.add(EVERYWHERE[0])
    one, _, _ = sweeper(world)
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(30):
        while not one.state.waited_for:
            await asyncio.sleep(0)
    running.cancel()
    told = status_of("p", AtWork(sweepers=[one]))
    assert told["tailing"]
    assert told["sweeps"] == {
        "leads": True, "unswept": 1, "held": 0, "brake_pulled": False, "mass_failure_looms": False, "claims": 0,
        "nodes": 0, "suspected": 0,
        "waits": 1, "waited_for": [{"partition": "locks/0", "code": "LANE_UNAVAILABLE"}],
    }  # fmt: skip
