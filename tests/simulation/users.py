"""Programs that use the real client library: its own renewals, retries and reconnects, over the virtual network.

The judge hears of each what the library lets its caller believe: how long a lease may be trusted, whether it was lost.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from streams.domain.locks.events import LockReleased
from streams.wire.keys import key_of
from tests.simulation.log import EPOCH_MS
from tests.simulation.loop import Process, SimLoop
from tests.simulation.network import TENANT, TOKEN
from tests.simulation.trust import Hold
from tests.simulation.worker import WHERE
from tidelock.client.client import Client
from tidelock.client.clock import Timer
from tidelock.client.errors import LockLost, TidelockError
from tidelock.client.held import HeldLock
from tidelock.client.settings import Settings

if TYPE_CHECKING:
    from tests.simulation.world import World


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


class User:
    """One such program, in its own process with its own clocks."""

    def __init__(self, world: "World", name: str, rate: float, addresses: tuple[str, ...]) -> None:
        self.world = world
        self.name = name
        self.random: Random = world.random
        self.process = Process(world.loop, name)
        self.clock = DriftingClock(world.loop, rate)
        settings = Settings(
            addresses, lambda: TOKEN, connect_timeout_s=2.0, stall_s=3.0, probe_s=1.5, client_id=name
        )
        self.client = self.process.context.run(Client, settings, self.clock)
        self.stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, programs: int) -> None:
        """Start working."""
        self._tasks.append(self.process.spawn(self._open(programs)))

    async def _open(self, programs: int) -> None:
        await self.client.open()
        self._tasks += [self.process.spawn(self._live()) for _ in range(programs)]

    def owed(self) -> list[object]:
        """Return what must still come to an end; a wait on a key whose timer failed is parked, by design."""
        open_commands = self.client._session.open_commands()
        parked = self.world.judge.tail.state.parked
        if any(each.asked[0] and key_of(TENANT, each.asked[0]) in parked for each in open_commands):
            return []
        return [*open_commands, *(task for task in self._tasks if not task.done())]

    # ── a life ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _live(self) -> None:
        random, world = self.random, self.world
        await asyncio.sleep(random.random())
        while not self.stopping:
            try:
                if random.random() < world.faults.p_far_deadline * 2:
                    self._be_far_ahead()
                async with asyncio.timeout(random.choice((0.5, 2.0, 6.0, None))):
                    held = await self._acquire()
            except (TidelockError, TimeoutError) as error:
                world.trace(self.name, "did not get it", repr(error))
            else:
                await self._use(held)
            await asyncio.sleep(random.random() ** 2 * world.pace_s)

    async def _acquire(self) -> HeldLock:
        random = self.random
        lock = self.client.lock(
            random.choice(self.world.names),
            shared=random.random() < 0.4,
            ttl=random.choice((0.4, 1.0, 2.5, 8.0)),
            wait=random.choice((0, 0.3, 1.5, 3.0)),
            priority=random.choice((0, 0, 0, 9)),
            lock_delay=random.choice((0, 0, 0, 0.2)),
        )
        held = await lock.acquire()
        self._believe(held)
        return held

    def _be_far_ahead(self) -> None:
        """Take the partition for an hour ahead of itself, as after a mark that was: all deadlines are too far.

        Not while a command is open: the refusal raises the floor above it, and if it waits, and its owner changes,
        nobody tells the library any more how it ended. It learns that no earlier than a minute after the wait.
        """
        if self.client._session.open_commands():
            return
        now = self.clock.now()
        partition = self.client._session.partition(WHERE.kind, WHERE.partition)
        partition.reset_mark(partition.wall_ms(now) + 3_600_000, now)

    async def _use(self, held: HeldLock) -> None:
        try:
            await self._hold(held)
        except LockLost as error:
            self.world.trace(self.name, held.name, "lost", repr(error))
        except TidelockError as error:
            self.world.trace(self.name, held.name, "in trouble", repr(error))
        self._disbelieve(held)
        lost_before = held.is_lost
        try:
            await held.release()
        except LockLost as error:
            if not lost_before and isinstance(self.world.judge.end_of(held.token), LockReleased):
                self.world.judge.fail(
                    f"{self.name} released {held!r}, which is in the log, and is told it was lost: {error}"
                )
        except TidelockError as error:
            self.world.trace(self.name, held.name, "not released", repr(error))

    async def _hold(self, held: HeldLock) -> None:
        random = self.random
        for _ in range(random.choice((0, 1, 2, 4, 8))):
            await asyncio.sleep(random.random() ** 2 * min(held.ttl_ms, 2500) / 800)
            self._believe(held)
            if self.stopping:
                return
            draw = random.random()
            if draw < 0.15:
                await held.renew()
            elif draw < 0.3 and held.mode == "SHARED":
                await held.upgrade(wait=random.choice((0, 0.5, 1.5)))
            elif draw < 0.4 and held.mode == "EXCLUSIVE":
                self.world.judge.trust.weaken(held.name, (self.name, held.handle))
                await held.downgrade()
            elif draw < 0.5:
                await self.client.inspect(held.name)
            self._believe(held)

    def _believe(self, held: HeldLock) -> None:
        """Trust the lease as long as the library says now. Raises `LockLost`."""
        held.check()
        judge, partition = self.world.judge, self.client._session.partition(WHERE.kind, WHERE.partition)
        judge.learnt(self.name, partition.trusted_until(judge.lease_ms) / self.clock.rate)
        until = held.trusted_until() / self.clock.rate
        hold = Hold(held.token, held.mode == "EXCLUSIVE", until)
        self.world.judge.trust.hold(held.name, (self.name, held.handle), hold)

    def _disbelieve(self, held: HeldLock) -> None:
        self.world.judge.trust.drop(held.name, (self.name, held.handle))
