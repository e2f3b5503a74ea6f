"""Programs that lock by the real client library: its own renewals, retries and reconnects."""

import asyncio
from typing import TYPE_CHECKING, cast

from streams.domain.locks.events import LockReleased
from tests.simulation.trust import Hold
from tests.simulation.users import User
from tidelock.client.errors import LockLost, TidelockError
from tidelock.client.held import HeldLock

if TYPE_CHECKING:
    from tests.simulation.locks.subject import LockSubject


class LockUser(User):
    """One such program."""

    @property
    def subject(self) -> "LockSubject":
        """What the history is about."""
        return cast("LockSubject", self.partition.subject)

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
            random.choice(self.partition.names),
            shared=random.random() < 0.4,
            ttl=random.choice((0.4, 1.0, 2.5, 8.0)),
            wait=random.choice((0, 0.3, 1.5, 3.0)) * (1 if self.subject.alone else 4),
            priority=random.choice((0, 0, 0, 9)),
            lock_delay=random.choice((0, 0, 0, 0.2)),
        )
        held = await lock.acquire()
        self._believe(held)
        return held

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
            if not lost_before and isinstance(self.subject.ledger.leases.ends.get(held.token), LockReleased):
                self.partition.judge.fail(
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
                self.partition.judge.trust.weaken(held.name, (self.name, held.handle))
                await held.downgrade()
            elif draw < 0.5:
                await self.client.inspect(held.name)
            self._believe(held)

    def _believe(self, held: HeldLock) -> None:
        """Trust the lease as long as the library says now. Raises `LockLost`."""
        held.check()
        judge, partition = (
            self.partition.judge,
            self.client._session.partition(self.partition.where.kind, self.partition.where.partition),
        )
        judge.learnt(self.name, partition.trusted_until(judge.lease_ms) / self.clock.rate)
        until = held.trusted_until() / self.clock.rate
        hold = Hold(held.token, held.mode == "EXCLUSIVE", until)
        self.partition.judge.trust.hold(held.name, (self.name, held.handle), hold)

    def _disbelieve(self, held: HeldLock) -> None:
        self.partition.judge.trust.drop(held.name, (self.name, held.handle))
