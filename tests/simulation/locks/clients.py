"""Simulated clients that lock: they acquire, trust, renew, convert, release and withdraw."""

import asyncio
from typing import Any

from streams.domain.locks.commands import (
    AcquireLock,
    DowngradeLock,
    InspectLock,
    Mode,
    ReleaseLock,
    RenewLock,
    UpgradeLock,
    WithdrawLock,
)
from streams.domain.locks.replies import LeaseExtended, LockHeld
from tests.simulation.clients import Call, Client
from tests.simulation.trust import Hold


class LockClient(Client):
    """One client of locks."""

    async def live(self, handle: str) -> None:
        """Acquire, hold and give back until told to stop."""
        random = self.random
        await asyncio.sleep(random.random())
        while not self.stopping:
            name = random.choice(self.partition.names)
            # A new handle each time: a late release of the last one must not end what this one acquires.
            self._handles += 1
            await self._use(f"{handle}.{self._handles}", name)
            await asyncio.sleep(random.random() ** 2 * self.world.pace_s)
            self._mischief(handle)

    async def _use(self, handle: str, name: str) -> None:
        random = self.random
        mode: Mode = "EXCLUSIVE" if random.random() < 0.6 else "SHARED"
        wait_ms = random.choice((0, 300, 1500, 3000))
        acquire = AcquireLock(
            name,
            mode,
            8000 if self.world.quiet else random.choice((400, 1000, 2500, 8000)),
            wait_ms,
            random.choice((0, 0, 0, 9)),
            random.choice((0, 0, 0, 200)),
        )
        call = self.ask(handle, acquire)
        held = await self.reply(call, random.choice((0.5, 2.0, 6.0)))
        if held is None:
            await self._withdraw(handle, name, call)
        elif isinstance(held, LockHeld):
            self._trust(name, handle, held.token, held.mode, held.expires_at)
            if self.world.quiet:
                await asyncio.sleep(7.0 * random.random())
            await self._hold(handle, name, acquire, held)

    async def _hold(self, handle: str, name: str, acquire: AcquireLock, held: LockHeld) -> None:
        random, token, mode = self.random, held.token, held.mode
        for _ in range(random.choice((0, 1, 1, 2, 4))):
            await asyncio.sleep(random.random() ** 2 * min(acquire.ttl_ms, 2500) / 800)
            draw = random.random()
            if draw < 0.5:
                renewed = await self.reply(
                    self.ask(handle, RenewLock(name, token, random.choice((acquire.ttl_ms, 400)))), 1.0
                )
                if isinstance(renewed, LeaseExtended):
                    self._trust(name, handle, token, mode, renewed.expires_at)
            elif draw < 0.7 and mode == "SHARED":
                call = self.ask(handle, UpgradeLock(name, token, random.choice((0, 500, 1500))))
                upgraded = await self.reply(call, random.choice((0.5, 3.0)))
                if upgraded is None:
                    await self._withdraw(handle, name, call)
                    return
                if isinstance(upgraded, LockHeld):
                    token, mode = upgraded.token, upgraded.mode
                    self._trust(name, handle, token, mode, upgraded.expires_at)
            elif draw < 0.85 and mode == "EXCLUSIVE":
                self.partition.judge.trust.weaken(name, (self.name, handle))
                mode = "SHARED"
                if await self.reply(self.ask(handle, DowngradeLock(name, token)), 2.0) is None:
                    return
            elif draw < 0.95:
                await self.reply(self.ask(handle, InspectLock(name)), 0.5)
            else:
                again = await self.reply(self.ask(handle, acquire), 1.0)
                if not isinstance(again, LockHeld):
                    return
                token, mode = again.token, again.mode
        if random.random() < 0.75:
            self.partition.judge.trust.drop(name, (self.name, handle))
            await self.reply(self.ask(handle, ReleaseLock(name, token)), 1.0)

    async def _withdraw(self, handle: str, name: str, call: Call) -> None:
        self.partition.judge.trust.drop(name, (self.name, handle))
        await self.reply(self.ask(handle, WithdrawLock(name, call.sequence)), 3.0)

    def _trust(self, name: str, handle: str, token: int, mode: Mode, expires_at: int) -> None:
        hold = Hold(token, mode == "EXCLUSIVE", self.until(expires_at))
        self.partition.judge.trust.hold(name, (self.name, handle), hold)

    def _impostor(self) -> Any:
        return ReleaseLock(self.random.choice(self.partition.names), self.random.randint(1, 9))
