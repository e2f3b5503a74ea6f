"""Who is at work where clients are nodes: nodes that die and come back, sweepers, and an operator."""

from random import Random

from streams.log.positions import PartitionId
from tests.simulation.nodes.books import NodeBooks
from tests.simulation.nodes.operator import Operator
from tests.simulation.nodes.sessions import Endings, Sessions
from tests.simulation.nodes.sweeper import Sweeper
from tests.simulation.nodes.users import NodeUser, draw_node
from tests.simulation.partition import Partition
from tests.simulation.users import Machine
from tests.simulation.world import World

MOST_NODES = 4
CREW_TIMEOUT_S = 1.5
"""Of those who are to die at once: one alike for all, so that all are suspected before the first one is dead."""


class Cast:
    """What the partitions of nodes share: who plays, and what the judge knows of sessions."""

    world: World

    def __init__(self, random: Random) -> None:
        self.sessions = Sessions()
        self.endings: dict[PartitionId, Endings] = {}
        self.books: dict[PartitionId, NodeBooks] = {}
        self.names = [f"n{i}" for i in range(random.randint(2, MOST_NODES))]
        self.is_calm = False
        self.kills_a_second = random.choice((0.0, 0.1, 0.3))
        self.freezes_a_second = random.choice((0.0, 0.1, 0.3))
        self.flaps = random.random() < 0.1
        """Whether a node falls silent again and again."""
        self._started = 0

    @property
    def lock_name(self) -> str:
        """The name of a lock in play."""
        return self.world.partitions[PartitionId("locks", 0)].names[0]

    # ── what the books ask ──────────────────────────────────────────────────────────────────────────────────

    def everywhere(self) -> list[Partition]:
        """Return the partitions of all kinds."""
        return list(self.world.partitions.values())

    def check_trust(self, session: str) -> None:
        """A session ended by silence: its client must not count on it any more, nor on what it holds."""
        now = self.world.loop.now
        for user in self.nodes():
            member = user.client._session.member
            if member is not None and member.session == session:
                until = member.trusted_until() / user.clock.rate
                if until > now:
                    self.fail(f"{user.name} trusts {session} for {until - now:.3f} s, and it is dead")

    def fail(self, what: str) -> None:
        """Note a violation."""
        self.everywhere()[0].judge.fail(what)

    def nodes(self) -> list[NodeUser]:
        """Return all that ever were at work as nodes."""
        return [user for user in self.world.users if isinstance(user, NodeUser)]

    # ── who plays ───────────────────────────────────────────────────────────────────────────────────────────

    def start(self, world: World) -> None:
        """Start nodes and sweepers, and look at the ends of sessions in all partitions."""
        self.world = world
        for partition in self.everywhere():
            endings = self.endings[partition.where] = Endings(partition, self.sessions)
            partition.judge.watches.append(endings.decided)
        for name in self.names:
            self.start_node(name)
        for _ in range(world.random.randint(1, 2)):
            self.start_sweeper()
        if self.flaps:
            self.flap()
        self.start_operator()

    def start_node(self, name: str, *, stays: bool = False) -> NodeUser:
        """Start a machine that is the node `name`; its earlier one may still run.

        `stays`: it offers services only, and does not leave by itself.
        """
        world = self.world
        self._started += 1
        machine = Machine(
            world, f"{name}.{self._started}", draw_node(world.random, name, CREW_TIMEOUT_S if stays else 0.0)
        )
        home = self.everywhere()[0]
        return world.enter(NodeUser(home, machine, self, stays=stays), 1)

    def start_sweeper(self) -> None:
        """Start a sweeper; there may be others."""
        world = self.world
        self._started += 1
        world.enter(Sweeper(self.everywhere()[0], Machine(world, f"s{self._started}"), self), 1)

    def start_operator(self) -> None:
        """Start the operator."""
        self.world.enter(Operator(self.everywhere()[0], Machine(self.world, "operator"), self), 1)

    def sweepers_lag(self) -> bool:
        """Say whether a sweeper may read of a death before it reads of the suspicions of the other nodes."""
        return any(isinstance(user, Sweeper) and user.lag_s > 0 for user in self.world.users)

    def replace_sweeper(self) -> None:
        """A sweeper dies, and another one begins at the start of the logs."""
        self.world.kill_one(Sweeper)
        self.world.loop.later(2.0 * self.world.random.random(), self.start_sweeper)

    def replace_node(self) -> None:
        """A node dies, and comes back after a while."""
        world = self.world
        alive = [user for user in self.nodes() if user.is_at_work]
        if alive and not self.is_calm:
            victim = world.random.choice(alive)
            world.trace("killed", victim.name)
            victim.process.kill()
            world.loop.later(
                world.random.choice((0.2, 2.0, 8.0)) * world.random.random(), self.come_back, victim.node
            )

    def freeze_node(self) -> None:
        """A node falls silent for a while, often for long enough to be dead."""
        world = self.world
        alive = [user for user in self.nodes() if user.is_at_work and not user.process.frozen]
        if alive and not self.is_calm:
            victim = world.random.choice(alive)
            world.trace("frozen", victim.name)
            victim.process.freeze()
            world.loop.later(6.0 * world.random.random(), victim.process.thaw)

    def flap(self) -> None:
        """The first node falls silent until it is dead, and comes back, and again."""
        world, name = self.world, self.names[0]
        for user in self.nodes():
            if user.node == name and user.is_at_work and not self.is_calm:
                user.process.freeze()
                world.loop.later(user.client.node.node.timeout + 0.5, user.process.thaw)
        if not self.is_calm:
            world.loop.later(2.0 + 2.0 * world.random.random(), self.flap)

    def come_back(self, name: str) -> None:
        """The node `name` is started again, if that is still wanted."""
        if not self.is_calm:
            self.start_node(name)

    def calm(self) -> None:
        """No more faults: see that somebody sweeps, and that there are nodes."""
        self.is_calm = True
        if not any(isinstance(user, Sweeper) and not user.process.dead for user in self.world.users):
            self.start_sweeper()

    # ── what must still come to an end ──────────────────────────────────────────────────────────────────────

    def unswept(self) -> list[str]:
        """Return the sessions that ended and are not swept, and what else is left of any that ended."""
        return [over.session for over in self.sessions.over.values() if not over.swept]

    def deserted(self) -> list[str]:
        """Return the live sessions that nobody at work has: they will fall silent, which may pull the brake."""
        kept = {user.session for user in self.nodes() if user.is_at_work}
        return [live.session for live in self.sessions.live.values() if live.session not in kept]

    def left(self) -> list[str]:
        """Return what is still held for sessions that are swept."""
        swept = [over.session for over in self.sessions.over.values() if over.swept]
        return [
            f"{key} of {where} for {session}"
            for where, endings in self.endings.items()
            for session in swept
            for key in endings.left(session)
        ]

    def undiscovered(self) -> list[str]:
        """Return what is offered for nobody who lives, or what a live node offers and nobody can find."""
        found = {
            (key.partition(":")[2], name, session)
            for books in self.books.values()
            for key, offers in books.offers.items()
            for name, session in offers.items()
        }
        wrong = [f"{each} is offered" for each in found if each[2] in self.sessions.over]
        for user in self.nodes():
            if user.is_at_work and user.session is not None:
                missing = {(service, user.node, user.session) for service in user.offered} - found
                wrong += [f"{each} is not offered" for each in missing]
        return wrong

    def forgotten(self) -> list[str]:
        """Return the ended sessions that some partition refuses no longer."""
        return [
            f"{session} in {where}" for where, each in self.endings.items() for session in each.forgotten()
        ]
