"""One partition in a world: its topics, what it is about, the names in play, and the judge of all that lands."""

from typing import TYPE_CHECKING

from schemas.meta import CommandMeta
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.reader import PartitionReader
from streams.log.vocabulary import Vocabulary
from tests.simulation.clients import Client
from tests.simulation.invariants import Judge
from tests.simulation.log import Landing, Topic, VirtualPorts
from tests.simulation.network import TENANT
from tests.simulation.subject import Subject
from tests.simulation.users import Machine, User

if TYPE_CHECKING:
    from tests.simulation.worker import Worker
    from tests.simulation.world import World


class Partition:
    """What a subject says of it, for as long as the history lasts."""

    def __init__(self, world: "World", subject: Subject) -> None:
        self.world = world
        self.subject = subject
        self.where: PartitionId = subject.where
        self.vocabulary: Vocabulary = subject.releases.vocabulary(2)
        suffix = f"/{self.where.partition}"
        self.log: Topic = world.broker.topic(self.where.log_topic + suffix)
        self.commands: Topic = world.broker.topic(self.where.commands_topic + suffix)
        self.names = subject.names(world.random)
        self.owner: Worker | None = None
        """To whom the group has assigned it."""
        reader = PartitionReader(self.where, self.vocabulary, 2)
        self.judge = Judge(world.loop, reader, self.vocabulary, self.commands, subject)
        self.log.observers.append(self._landed)
        self._produced = 0

    def ports(self, worker: "Worker") -> VirtualPorts:
        """Return everything that a process touches of it."""
        world = self.world
        return VirtualPorts(world.broker, self.where, worker.process, world.letters, self.judge.appending)

    # ── who is at work ──────────────────────────────────────────────────────────────────────────────────────

    def start_clients(self, kind: type[Client], count: int) -> None:
        """Start clients, each with one or two handles at work."""
        world = self.world
        for i in range(count):
            drifts = world.random.random() < world.faults.p_client_drift
            client = kind(self, f"c{i}", world.random.uniform(0.993, 1.007) if drifts else 1.0)
            world.clients.append(client)
            client.process.call(client.connect, world.guess(client.name))
            client.process.spawn(client.tend())
            for handle in range(1 if world.quiet else world.random.randint(1, 2)):
                client.process.spawn(client.live(f"h{handle}"))

    def start_users(self, kind: type[User], count: int) -> None:
        """Start programs that use the real client library."""
        for i in range(count):
            self.start_user(kind, f"u{i}", 3)

    def start_user(self, kind: type[User], name: str, most: int) -> User:
        """Start one, with up to so many programs."""
        return self.world.enter(kind(self, Machine(self.world, name)), most)

    # ── the topics ──────────────────────────────────────────────────────────────────────────────────────────

    def produce(self, value: bytes | None) -> None:
        """A producer's record lands in the commands topic a little later, sometimes with a stray neighbour."""
        world = self.world
        random, broker, loop = world.random, world.broker, world.loop
        loop.later(broker.latency() * (1 + 200 * random.random() ** 4), self.commands.land, value)
        if broker.hit(world.faults.p_undecodable):
            garbage = random.choice((None, b"", b"\xc3\x01", random.randbytes(30), (value or b"")[:-1]))
            loop.later(0.001, self.commands.land, garbage)
        if broker.hit(world.faults.p_wrong_partition):
            self._produced += 1
            now = broker.wall_ms()
            meta = CommandMeta(0, TENANT, "stray", self._produced, "h", now, now + 60_000)
            stray = self.vocabulary.encode_command(meta, self.subject.stray())
            loop.later(0.001, self.commands.land, stray)

    def _landed(self, stored: Stored, landing: Landing | None) -> None:
        sender = "foreign" if landing is None else landing.writer.process.name
        self.world.trace("landed", self.where, stored.offset, sender, (stored.value or b"").hex()[:120])
        self.judge.landed(stored, landing)
