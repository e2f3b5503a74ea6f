"""Programs that use the real client library: its own renewals, retries and reconnects, over the virtual network.

The judge hears of each what the library lets its caller believe: how long a lease may be trusted, whether it was lost.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from streams.wire.keys import key_of
from tests.simulation.log import EPOCH_MS
from tests.simulation.loop import Process, SimLoop
from tests.simulation.network import TENANT, TOKEN
from tidelock.client.client import Client
from tidelock.client.clock import Timer
from tidelock.client.nodes.node import Node
from tidelock.client.settings import Settings

if TYPE_CHECKING:
    from tests.simulation.partition import Partition
    from tests.simulation.world import World

ADDRESSES = ("h0:1", "h1:1", "h2:1", "h3:1")
"""Of the workers; a process that starts takes the first one that is free."""


class DriftingClock:
    """One machine's clocks: CLOCK_BOOTTIME at a rate of its own, and a wall clock that somebody steps."""

    def __init__(self, loop: SimLoop, rate: float) -> None:
        self.rate = rate
        self.step_s = 0.0
        self._loop = loop

    def now(self) -> float:
        return self._loop.now * self.rate

    def wall_s(self) -> float:
        """Return the wall time; the library has no way to ask for it."""
        return EPOCH_MS / 1000 + self.now() + self.step_s

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        return self._loop.call_later(max(0.0, when - self.now()) / self.rate, callback)


class Machine:
    """A process with its own clocks and one client of the library."""

    def __init__(self, world: "World", name: str, node: Node | None = None) -> None:
        """`node`: which one it is."""
        random, loop = world.random, world.loop
        drifts = random.random() < world.faults.p_client_drift
        self.name = name
        self.process = Process(loop, name)
        self.process.on_death = lambda: world.network.died(self.process)
        self.clock = DriftingClock(loop, random.uniform(0.993, 1.007) if drifts else 1.0)
        settings = Settings(
            ADDRESSES,
            lambda: TOKEN,
            connect_timeout_s=2.0,
            stall_s=3.0,
            probe_s=1.5,
            client_id=name,
            node=node,
        )
        self.client = self.process.context.run(Client, settings, self.clock)
        self.stopping = False


class User(ABC):
    """One such program at work with one partition. Several may share a machine."""

    def __init__(self, partition: "Partition", machine: Machine) -> None:
        self.partition = partition
        self.world = partition.world
        self.machine = machine
        self.name = machine.name
        self.random: Random = self.world.random
        self.process, self.clock, self.client = machine.process, machine.clock, machine.client
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def stopping(self) -> bool:
        """Whether it is to come to an end."""
        return self.machine.stopping

    def start(self, programs: int) -> None:
        """Start working."""
        self._tasks.append(self.process.spawn(self._open(programs)))

    async def _open(self, programs: int) -> None:
        await self.client.open()
        self._tasks += [self.process.spawn(self._live()) for _ in range(programs)]

    def owed(self) -> list[object]:
        """Return what must still come to an end; a wait on a key whose timer failed is parked, by design."""
        open_commands = self.client._session.open_commands()
        parked = self.partition.judge.tail.state.parked
        if any(each.asked[0] and key_of(TENANT, each.asked[0]) in parked for each in open_commands):
            return []
        return [*open_commands, *(task for task in self._tasks if not task.done())]

    # ── a life ──────────────────────────────────────────────────────────────────────────────────────────────

    @abstractmethod
    async def _live(self) -> None:
        """Work until told to stop."""

    def _be_far_ahead(self) -> None:
        """Take the partition for an hour ahead of itself, as after a mark that was: all deadlines are too far.

        Not while a command is open: the refusal raises the floor above it, and if it waits, and its owner changes,
        nobody tells the library any more how it ended. It learns that no earlier than a minute after the wait.
        """
        if self.client._session.open_commands():
            return
        now = self.clock.now()
        where = self.partition.where
        partition = self.client._session.partition(where.kind, where.partition)
        partition.reset_mark(partition.wall_ms(now) + 3_600_000, now)
