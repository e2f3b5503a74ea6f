"""Several movers: one leads, the others leave sources alone as long as it moves something, and no longer."""

from collections.abc import Callable
from random import Random

from streams.processes.mover.process import HOLD_BACK_S
from tests.property.processes.mover_world import World, mover
from tests.simulation.loop import SimLoop

EVERY_S = HOLD_BACK_S / 2
LETTERS = 30


class Scene:
    """A leader and a standby on a clock that the test turns."""

    def __init__(self) -> None:
        self.loop = SimLoop(Random(1))  # type: ignore[abstract]
        self.world = World()
        self.world.create("orders", max_attempts=1, dead_letter_queue="dead")
        self.world.create("dead")
        self.leader, _ = mover(self.world, "leader")
        self.standby, self.news = mover(self.world, "standby")
        self._leading = self.loop.create_task(self.leader.run())
        self._die()
        self.loop.run(EVERY_S)
        self.loop.create_task(self.standby.run())
        self.loop.run(2 * EVERY_S)
        self.news.states.clear()  # while it read from the start it knew of no leader

    def kill_leader(self) -> None:
        self._leading.cancel()

    @property
    def standby_worked(self) -> bool:
        return any(state.under_way for state in self.news.states)

    def let_letters_die(self, until: Callable[[], bool]) -> int:
        """Have letters die faster than a hold lasts; return how many until it was so, or `LETTERS`."""
        for count in range(1, LETTERS + 1):
            self._die()
            self.loop.run(self.loop.now + EVERY_S)
            if until():
                return count
        return LETTERS

    def _die(self) -> None:
        self.world.enqueue("orders", b"x")
        self.world.kill("orders", 1)


def test_a_standby_takes_over_from_a_dead_leader_while_letters_keep_dying() -> None:
    scene = Scene()
    assert (scene.leader.leads, scene.standby.leads) == (True, False)
    scene.kill_leader()
    needed = scene.let_letters_die(lambda: scene.standby.leads and not scene.world.moving("orders"))
    scene.loop.close()
    assert scene.standby_worked
    assert needed <= HOLD_BACK_S / EVERY_S + 1


def test_a_standby_does_nothing_as_long_as_the_leader_moves_letters() -> None:
    scene = Scene()
    scene.let_letters_die(lambda: False)
    scene.loop.close()
    assert len(scene.world.found("dead")) == LETTERS + 1
    assert not scene.standby_worked
