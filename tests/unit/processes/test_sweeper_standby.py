"""Several sweepers: one leads, the others leave sessions alone as long as it sweeps, and no longer."""

from random import Random

from streams.domain.nodes import commands as c
from streams.processes.sweeper.sweeper import HOLD_BACK_S
from tests.property.processes.sweeper_world import HOMES, World, sweeper
from tests.simulation.loop import SimLoop

EVERY_S = HOLD_BACK_S / 2
NODES = 20


class Scene:
    """A leader and a standby on a clock that the test turns."""

    def __init__(self) -> None:
        self.loop = SimLoop(Random(1))  # type: ignore[abstract]
        self.world = World()
        self.leader, self.leader_news, _ = sweeper(self.world, "leader")
        self.standby, self.news, self.lane = sweeper(self.world, "standby")
        self._leading = self.loop.create_task(self.leader.run())
        self.leave(0)
        self.loop.create_task(self.standby.run())
        self.loop.run(self.loop.now + 2 * EVERY_S)

    def kill_leader(self) -> None:
        self._leading.cancel()

    def leave(self, number: int) -> None:
        """Have a node come and leave."""
        session = self.world.join(f"n{number}")
        self.world.do(c.DeregisterNode(f"n{number}", session))
        self.loop.run(self.loop.now + EVERY_S)


def test_a_standby_does_nothing_as_long_as_the_leader_sweeps() -> None:
    scene = Scene()
    for number in range(1, NODES):
        scene.leave(number)
    scene.loop.close()
    assert (scene.leader.leads, scene.standby.leads) == (True, False)
    assert len(scene.leader_news.sweeps) == NODES
    assert scene.lane.sent == len(HOMES)


def test_a_standby_takes_over_from_a_dead_leader_while_nodes_keep_leaving() -> None:
    scene = Scene()
    scene.kill_leader()
    for number in range(1, 5):
        scene.leave(number)
    scene.loop.close()
    assert scene.standby.leads
    assert len(scene.news.sweeps) >= 2
    assert not set(scene.world.unswept()).difference(scene.world.gone[-2:])
