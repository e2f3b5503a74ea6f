"""Queues, as the histories use them."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from streams.domain.arguments import shard_name
from streams.domain.queues.commands import CreateQueue, EnqueueMessages, NewMessage
from streams.domain.queues.events import MessagesRedriven
from streams.domain.queues.kind import QUEUES
from streams.domain.queues.settings import QueueRoute
from streams.log.positions import PartitionId
from streams.wire.keys import key_of
from streams.wire.murmur2 import partition_of
from tests.simulation.network import TENANT
from tests.simulation.queues.books import QueueBooks
from tests.simulation.queues.clients import QueueClient
from tests.simulation.queues.mover import Mover, Tidier
from tests.simulation.queues.users import QueueUser
from tests.simulation.versions import Releases
from tests.simulation.worker import PARTITIONS
from tidelock.client.errors import BadArgument, QueueExists, TidelockError
from tidelock.client.queues.terms import QueueOptions, settings_of

if TYPE_CHECKING:
    from tests.simulation.invariants import Judge
    from tests.simulation.partition import Partition

WHERE = PartitionId("queues", 0)
MAX_SHARDS = 3
RELEASES = Releases(QUEUES, MessagesRedriven)


def _lies_here(name: str) -> bool:
    """Say whether all shards of the queue, and the one that a resize looks for in vain, are in the one partition."""
    keys = [key_of(TENANT, shard_name(name, shard)) for shard in range(MAX_SHARDS + 1)]
    return all(partition_of(key, PARTITIONS) == WHERE.partition for key in keys)


NAMES = [name for name in map(str, range(100)) if _lies_here(name)]
FOREIGN_NAME = next(
    name for name in map(str, range(40)) if partition_of(key_of(TENANT, name), PARTITIONS) != WHERE.partition
)


class QueueSubject:
    """One queue of one to three shards, and one that may take its dead letters."""

    where = WHERE
    releases = RELEASES
    harmless = frozenset({"RECEIPT_INVALID", "QUEUE_UNKNOWN", "INTERNAL"})
    peace_s = 60.0
    hands = (QueueUser,)
    ledger: QueueBooks
    shards: int
    moves: bool
    """Whether dead letters go to the other queue."""
    options: dict[str, QueueOptions]
    """By name."""
    news: bool
    """Whether there is a broadcast queue, too."""
    changes: bool
    """Whether attempts, windows and depth change."""
    deletes: bool
    """Whether the first queue is deleted and made anew; it is not resized then."""

    restless: bool
    """Whether it is resized all the time, and its dead letters are redriven."""

    def __init__(self, *, alone: bool = True) -> None:
        """`alone`: nobody else brings users of queues."""
        self.alone = alone
        self.mover_pace_s = 0.01 if alone else 0.1
        """How long a mover pauses at the most before it looks at the log again; shorter finds more, and costs more."""

    def names(self, random: Random) -> list[str]:
        """Return the names of the queues, and draw how they behave."""
        main, other, news = NAMES[:3]
        self.shards = random.randint(1, MAX_SHARDS)
        self.options = {main: _drawn(random), other: _drawn(random)}
        if not self.alone:  # so long that a node may die meanwhile
            self.options[main]["lease"] = random.choice((1.0, 8.0))
        self.moves = random.random() < 0.5
        if self.moves:
            self.options[main]["dead_letter_queue"] = other
            self.options[main]["overflow"] = random.choice(("REFUSE", "DEAD_LETTER_OLDEST"))
        more = Random(repr(random.getstate()))
        self.news, self.changes, self.deletes = (more.random() < 0.25 for _ in range(3))
        self.restless = not (self.news or self.changes or self.deletes) and more.random() < 0.5
        if self.deletes:
            self.shards, self.moves = 1, True
            self.options[main] |= {"max_attempts": 1, "dead_letter_queue": other}
        elif self.restless:
            self.moves = False
            self.options[main] = _drawn(more) | {"max_attempts": 1}
        if self.news:
            self._draw_news(more, main, other, news)
        return [main, other, news][: 2 + self.news]

    def _draw_news(self, random: Random, main: str, other: str, news: str) -> None:
        """Draw a broadcast queue, which may take dead letters, or have them taken."""
        self.options[news] = _drawn(random) | {"broadcast": True, "max_depth": 1000}
        if random.random() < 0.5:
            self.options[news]["dead_letter_queue"] = other
            self.moves = True
        elif not self.deletes:
            self.options[main] |= {"max_attempts": 1, "dead_letter_queue": news}
            self.moves = True

    def stray(self) -> Any:
        """Return a command that belongs to another partition."""
        message = NewMessage(b"stray/1", None, None, -1, 0, None, (), 0, None)
        return EnqueueMessages(FOREIGN_NAME, 0, 0, (message,))

    def creation(self) -> CreateQueue:
        """Return the command that makes the queue with one shard."""
        name = NAMES[1]
        return CreateQueue(name, 0, settings_of(**self.options[name]), QueueRoute(1, 1, 1))

    def books(self, judge: "Judge") -> QueueBooks:
        """Open the books."""
        self.ledger = QueueBooks(judge)
        return self.ledger

    async def make(self, user: QueueUser) -> None:
        """Make the queues; who is late finds them."""
        main = user.partition.names[0]
        for name in user.partition.names:
            shards = self.shards if name == main else 1
            while not user.stopping:
                try:
                    await user.client.queue(name).create(shards=shards, **self.options[name])
                except QueueExists:
                    break
                except BadArgument as error:
                    user.partition.judge.fail(f"{name} cannot be made: {error}")
                except TidelockError as error:
                    user.world.trace(user.name, repr(error))
                    await asyncio.sleep(0.3)
                else:
                    break

    async def change(self, user: QueueUser) -> None:
        """Change what may change at any time."""
        random, name = user.random, user.random.choice(user.partition.names)
        options = _drawn(random)
        chosen: list[QueueOptions] = [
            {"max_attempts": options["max_attempts"]},
            {"dedup_window": options["dedup_window"]},
            {"max_depth": options["max_depth"]},
        ]
        if name == user.partition.names[0] and "dead_letter_queue" in self.options[name]:
            chosen.append({"overflow": random.choice(("REFUSE", "DEAD_LETTER_OLDEST"))})
        await user.client.queue(name).configure(**random.choice(chosen))

    def start(self, partition: "Partition") -> None:
        """Start users of the library, often clients, and a mover where dead letters are moved."""
        random = partition.world.random
        if self.alone:
            partition.start_users(QueueUser, random.randint(1, 3))
        if self.alone and random.random() < 0.4:
            partition.start_clients(QueueClient, random.randint(1, 2))
        for _ in range(random.randint(1, 2) if self.moves else 0):
            self._start_mover(partition)

    def misfortunes(self, partition: "Partition") -> list[tuple[float, Callable[[], None]]]:
        """Users and movers die; another mover begins."""
        faults = partition.world.faults
        return [
            (faults.r_client_freeze / 2, lambda: partition.world.kill_one(QueueUser)),
            (faults.r_crash if self.moves else 0.0, lambda: self._replace_mover(partition)),
        ]

    def _replace_mover(self, partition: "Partition") -> None:
        world = partition.world
        world.kill_one(Mover)
        world.loop.later(2.0 * world.random.random(), self._start_mover, partition)

    def _start_mover(self, partition: "Partition") -> None:
        partition.start_user(Mover, f"m{len(partition.world.users)}", 1)

    def calm(self, partition: "Partition") -> None:
        """Work everything off."""
        if self.moves and not any(
            isinstance(user, Mover) and not user.process.dead for user in partition.world.users
        ):
            self._start_mover(partition)
        partition.start_user(Tidier, "tidier", 1)

    def owed(self, partition: "Partition") -> list[tuple[str, list[Any]]]:
        """Return what is neither done nor dead."""
        _ = partition
        left = self.ledger.undone()
        return [("a queue", left[:3])] if left else []


def _drawn(random: Random) -> QueueOptions:
    return {
        "max_attempts": random.choice((1, 2, 3)),
        "lease": random.choice((0.4, 1.0, 3.0)),
        "backoff_min": random.choice((0.0, 0.1, 0.5)),
        "backoff_max": 1.0,
        "dedup_window": random.choice((0.5, 2.0, 5.0)),
        "aging": random.choice((0.0, 0.3)),
        "max_depth": random.choice((12, 1000)),
    }
