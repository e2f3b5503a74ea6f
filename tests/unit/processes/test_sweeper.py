"""The sweeper: every session that ended is ended everywhere, by causes with ids; the brake holds what fell silent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest

from streams.domain.nodes import commands as c
from streams.domain.nodes.node import Node
from streams.domain.nodes.service import Service
from streams.processes import follower
from streams.processes.sweeper import process as shell
from streams.processes.sweeper import sweeper as core
from streams.processes.sweeper.process import SweeperProcess
from tests.property.processes.sweeper_world import EVERYWHERE, HOMES, TIMEOUT_MS, World, home_of, sweeper
from tests.unit.nodes.spec import SERVICE, sealed

PATIENCE_S = 10.0
NAMES = tuple(f"n{number}" for number in range(10))


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "RETRY_S", 0.0)
    monkeypatch.setattr(core, "HOLD_BACK_S", 0.0)
    monkeypatch.setattr(shell, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(shell, "LONGEST_PAUSE_S", 0.001)


@asynccontextmanager
async def running(*sweepers: SweeperProcess) -> AsyncIterator[None]:
    """Run sweepers meanwhile."""
    tasks = [asyncio.create_task(each.run()) for each in sweepers]
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it; `running` bounds how long."""
    while not condition():
        await asyncio.sleep(0)


async def read_on(world: World, one: SweeperProcess) -> None:
    """Wait until all that is logged is read, and what follows from it had its turn."""
    ends = {where: len(book.records) for where, book in world.books.items()}
    await until(lambda: all(one.readers[where].next_offset >= end for where, end in ends.items()))
    for _ in range(200):
        await asyncio.sleep(0)


async def dies(world: World, one: SweeperProcess, name: str, *others: str) -> None:
    """Let all nodes fall silent and die, `name` among them, but the others, which are heard."""
    for _ in range(5):
        await read_on(world, one)
        world.pass_time(TIMEOUT_MS // 5)
        world.beat(*[world.live()[each] for each in others])
    assert name not in world.live()


async def test_a_session_that_left_is_ended_everywhere_and_recorded() -> None:
    world = World()
    session = world.join("n1")
    world.offer(session)
    one, news, _ = sweeper(world)
    async with running(one):
        world.do(c.DeregisterNode("n1", session))
        await until(lambda: bool(news.sweeps))
    assert world.ended_everywhere(session) and not world.unswept()
    (sweep,) = news.sweeps
    assert sweep.cause == f"LEFT {session_end(world, 'n1')}"
    service = world.states[f"dev/service:{SERVICE}"]
    assert isinstance(service, Service) and not service.instances
    assert news.states[-1].unswept == 0


def session_end(world: World, name: str) -> int:
    node = world.states[f"dev/{name}"]
    assert isinstance(node, Node) and node.past.last is not None
    return node.past.last.cause_id


async def test_what_an_evicted_node_held_waits_until_its_program_trusts_it_no_more() -> None:
    world = World()
    session = world.join("n1")
    one, news, _ = sweeper(world)
    async with running(one):
        world.pass_time(TIMEOUT_MS - 200)
        await read_on(world, one)
        began = asyncio.get_running_loop().time()
        world.do(c.EvictNode("n1", "", "why"), "operator")
        await until(lambda: bool(news.sweeps))
        assert asyncio.get_running_loop().time() - began >= 0.2
    assert world.ended_everywhere(session)


async def test_one_death_is_swept_without_waiting_for_anything() -> None:
    world = World()
    sessions = {name: world.join(name) for name in NAMES}
    one, news, _ = sweeper(world)
    async with running(one):
        await dies(world, one, "n0", *NAMES[1:])
        await until(lambda: bool(news.sweeps))
    assert news.sweeps[0].cause.startswith("SILENT ")
    assert all(world.untouched(session) for name, session in sessions.items() if name != "n0")


async def test_what_was_swept_before_it_began_is_left_alone() -> None:
    """Whichever partition it reads first; that of the instance, which the session had, among them."""
    world = World()
    elsewhere = next(name for name in NAMES if home_of(name) != home_of(f"service:{SERVICE}"))
    session, other = world.join(elsewhere), world.join("other")
    world.offer(session)
    for number in range(20):
        world.offer(other, f"other{number}")
    first, news, _ = sweeper(world)
    async with running(first):
        world.do(c.DeregisterNode(elsewhere, session))
        await until(lambda: bool(news.sweeps))
    for seed in range(5):
        next_one, _, lane = sweeper(world, f"next{seed}", Random(seed))
        async with running(next_one):
            await read_on(world, next_one)
        assert lane.sent == len(HOMES)
        assert not next_one.leads


async def test_a_partition_without_an_owner_keeps_nobody_else_waiting() -> None:
    world = World()
    gone, other = world.join("n1"), world.join("n2")
    world.down.add(EVERYWHERE[0])
    one, news, _ = sweeper(world)
    async with running(one):
        for name, session in (("n1", gone), ("n2", other)):
            world.do(c.DeregisterNode(name, session))
        await until(lambda: all(gone in world.ended[where] for where in EVERYWHERE[1:]))
        await until(lambda: bool(one.state.waited_for))
        assert one.state.waited_for == ((EVERYWHERE[0], "LANE_UNAVAILABLE"),)
        assert world.unswept() and not news.sweeps
        world.down.clear()
        await until(lambda: not world.unswept())
        await until(lambda: not one.state.waited_for)
    assert world.ended_everywhere(other)


async def test_a_home_that_does_not_answer_holds_up_only_its_own_nodes() -> None:
    world = World()
    first = next(name for name in NAMES if home_of(name) == HOMES[0])
    second = next(name for name in NAMES if home_of(name) == HOMES[1])
    sessions = world.join(first), world.join(second)
    for name, session in zip((first, second), sessions, strict=True):
        world.do(c.DeregisterNode(name, session))
    world.down.add(HOMES[0])
    one, _, _ = sweeper(world)
    async with running(one):
        await until(
            lambda: all(sessions[1] in world.ended[where] for where in EVERYWHERE if where != HOMES[0])
        )
        assert world.untouched(sessions[0])
        world.down.clear()
        await until(lambda: not world.unswept())


async def test_a_mass_failure_pulls_the_brake_before_anything_is_swept() -> None:
    world = World()
    sessions = {name: world.join(name) for name in NAMES}
    one, news, _ = sweeper(world)
    async with running(one):
        await read_on(world, one)
        await dies(world, one, "n0", *NAMES[6:])
        await until(lambda: world.brake.pulled)
        await read_on(world, one)
        assert all(world.untouched(session) for session in sessions.values())
        assert (one.state.held, one.state.pulled) == (6, True)
        pull, pulled = news.alarms[0]
        assert (pull.dead, pull.of, pull.window_ms, pulled) == (6, 10, 10_000, True)
        assert "6 of 10 nodes" in world.brake.cause
        world.do(c.DeregisterNode("n9", sessions["n9"]))
        await until(lambda: world.ended_everywhere(sessions["n9"]))
        assert world.untouched(sessions["n0"])
        world.do(c.ReleaseBrake("the network is back"))
        await until(lambda: not world.unswept())
        await read_on(world, one)
    assert len(news.sweeps) == 7
    assert len(news.alarms) == 1


async def test_our_own_processes_pull_no_brake_and_hide_no_mass_failure() -> None:
    """Three dead of a machine's own four are no mass failure; nor do they make one of ten nodes' six a smaller part."""
    world = World()
    ours = {name: world.join_ours(name) for name in ("worker-0", "worker-1", "projector-0", "api-0")}
    world.join("n0")
    one, news, _ = sweeper(world)
    async with running(one):
        await dies(world, one, "worker-0", "n0", "api-0")
        await until(lambda: len(news.sweeps) == 3)
        assert not world.brake.pulled and world.untouched(ours["api-0"])
        for name in NAMES[1:]:
            world.join(name)
        await dies(world, one, "n1", "n0", "n7", "n8", "n9", "api-0")
        await until(lambda: bool(news.alarms))
    assert world.brake.pulled
    pull, _ = news.alarms[0]
    assert (pull.dead, pull.of) == (6, 10)


async def test_deaths_that_come_one_by_one_wait_while_the_others_are_suspected() -> None:
    """The first of six deaths is not swept before it is known what becomes of the other five."""
    world = World()
    sessions = {name: world.join(name, timeout_ms=5_000 if name == "n0" else 5_400) for name in NAMES}
    one, _, _ = sweeper(world)
    async with running(one):
        world.pass_time(2_700)
        world.beat(*[sessions[name] for name in NAMES[6:]])
        world.pass_time(2_300)
        assert "n0" not in world.live() and len(world.live()) == 9
        await read_on(world, one)
        assert one.state.looms and not world.brake.pulled
        assert world.untouched(sessions["n0"])
        world.pass_time(400)
        assert len(world.live()) == 4
        await until(lambda: world.brake.pulled)
        await read_on(world, one)
    assert world.untouched(sessions["n0"])


@pytest.mark.parametrize("step_ms", [0, -3_600_000])
async def test_suspects_that_are_heard_again_hold_nothing_up_for_long(step_ms: int) -> None:
    """Also if the broker's clock steps back meanwhile, as another one leads."""
    world = World()
    sessions = {name: world.join(name, timeout_ms=5_000 if name == "n0" else 5_400) for name in NAMES}
    one, news, _ = sweeper(world)
    async with running(one):
        world.pass_time(2_700)
        world.beat(*[sessions[name] for name in NAMES[6:]])
        world.pass_time(2_300)
        world.beat(*[sessions[name] for name in NAMES[1:]])
        await read_on(world, one)
        assert one.state.held == 1
        world.skew_ms = step_ms
        world.beat(*[sessions[name] for name in NAMES[1:]])
        world.pass_time(1_000)
        world.beat(*[sessions[name] for name in NAMES[1:]])
        await until(lambda: bool(news.sweeps))
    assert world.ended_everywhere(sessions["n0"]) and not world.brake.pulled


async def test_a_node_that_comes_back_need_not_wait_for_the_brake() -> None:
    world = World()
    sessions = {name: world.join(name) for name in NAMES[:4]}
    one, _, _ = sweeper(world)
    async with running(one):
        await dies(world, one, "n0")
        await until(lambda: world.brake.pulled)
        again = world.join("n0", client="restarted")
        await until(lambda: world.ended_everywhere(sessions["n0"]))
        world.do(c.RegisterNode("n1", c.Registration("", "", (), 0, (), 0), ""), "thief", principal="thief")
        await read_on(world, one)
    assert world.untouched(again)
    assert all(world.untouched(sessions[name]) for name in NAMES[1:4])


async def test_an_unarmed_brake_alarms_and_holds_nothing() -> None:
    world = World()
    settings = c.BrakeSettings(50, 3, 10_000, 0, armed=False)
    world.do(c.ConfigureBrake(settings))
    for name in NAMES[:4]:
        world.join(name)
    one, news, _ = sweeper(world)
    async with running(one):
        await dies(world, one, "n0")
        await until(lambda: len(news.sweeps) == 4)
        await until(lambda: bool(news.alarms))
        await read_on(world, one)
    assert [pulled for _, pulled in news.alarms] == [False]


async def test_nothing_is_swept_until_the_brake_has_heard_of_a_mass_failure() -> None:
    world = World()
    sessions = [world.join(name) for name in NAMES[:4]]
    one, _, _ = sweeper(world)
    async with running(one):
        await read_on(world, one)
        world.down.add(home_of("brake"))
        await dies(world, one, "n0")
        await read_on(world, one)
        assert all(map(world.untouched, sessions))
        world.down.clear()
        await until(lambda: world.brake.pulled)


async def test_settings_that_were_not_read_yet_are_no_mass_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The brake refuses by its own settings; the sweep goes on."""
    world = World()
    for name in NAMES[:4]:
        world.join(name)
    one, news, lane = sweeper(world)
    pull = lane.pull

    async def pull_late(command: c.PullBrake) -> bool:
        world.do(c.ConfigureBrake(c.BrakeSettings(50, 9, 10_000, 0, armed=True)))
        return await pull(command)

    monkeypatch.setattr(lane, "pull", pull_late)
    async with running(one):
        await dies(world, one, "n0")
        await until(lambda: len(news.sweeps) == 4)
    assert not news.alarms and not world.brake.pulled


async def test_an_instance_of_a_session_that_was_never_issued_leaves() -> None:
    world = World()
    live = world.join("n1")
    neighbour = next(name for name in NAMES if name != "n1" and home_of(name) == home_of("n1"))
    forged = sealed(f"{neighbour}:{world.books[home_of('n1')].number}", "app")
    one, news, _ = sweeper(world)
    async with running(one):
        world.offer(live)
        world.offer(forged, "i2")
        await until(lambda: bool(news.sweeps))
        await read_on(world, one)
    assert (news.sweeps[0].session, news.sweeps[0].cause) == (forged, "NOT_ISSUED")
    assert world.untouched(forged), "anybody can make up more sessions than a partition can remember"
    assert list(world.states[f"dev/service:{SERVICE}"].instances) == ["i1"]
    assert world.untouched(live)


async def test_a_session_that_is_yet_to_be_issued_is_not_ended_before_it_cannot_be() -> None:
    world = World()
    next_number = world.books[home_of("n2")].number + 1
    one, news, _ = sweeper(world)
    async with running(one):
        world.offer(sealed(f"n2:{next_number + 5}", "app"), service="a service elsewhere")
        world.offer(sealed(f"n2:{next_number + 50}", "app"), "i2", service="a service elsewhere")
        await read_on(world, one)
        assert one.state.claims == 2 and not news.sweeps
        while sealed(f"n2:{next_number + 5}", "app") != (session := world.join("n2")):
            world.do(c.DeregisterNode("n2", session))
            await until(lambda: not world.unswept())
            if world.books[home_of("n2")].number > next_number + 5:
                break
        await until(lambda: one.state.claims == 1)
        assert all(sealed(f"n2:{next_number + 50}", "app") not in ended for ended in world.ended.values())


async def test_two_sweepers_do_it_once() -> None:
    world = World()
    sessions = [world.join(name) for name in NAMES]
    made = [sweeper(world, name) for name in ("s1", "s2")]
    async with running(*[one for one, _, _ in made]):
        for name, session in zip(NAMES, sessions, strict=True):
            world.do(c.DeregisterNode(name, session))
        await until(lambda: not world.unswept())
        await until(lambda: all(not one.state.unswept for one, _, _ in made))
        await until(lambda: sum(len(news.sweeps) for _, news, _ in made) == len(sessions))
    assert all(ended.count(session) == 1 for ended in world.ended.values() for session in sessions)
