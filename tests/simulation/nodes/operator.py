"""Who looks after nodes: evicts, drains, sets the brake and releases it; and forges what nobody may forge.

In the end, when nothing is wrong any more, most nodes die at once: that must pull the brake, and its release free all.
"""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from streams.domain.locks.commands import AcquireLock
from streams.domain.nodes import commands as c
from streams.domain.nodes.brake import RELEASED
from streams.domain.nodes.names import session_of
from tests.simulation.network import PRINCIPAL
from tests.simulation.users import Machine, User
from tidelock.client.errors import TidelockError

if TYPE_CHECKING:
    from tests.simulation.nodes.cast import Cast
    from tests.simulation.partition import Partition

PULLED_S = 30.0
"""Within so long after most nodes died at once the brake is pulled."""
CREW = 4


class Operator(User):
    """One such program, by any client's commands."""

    def __init__(self, partition: "Partition", machine: Machine, cast: "Cast") -> None:
        super().__init__(partition, machine)
        self.cast = cast
        self._forged = 0

    def owed(self) -> list[object]:
        """Return what must still come to an end."""
        return [task for task in self._tasks if not task.done()]

    async def _live(self) -> None:
        while not self.stopping:
            await asyncio.sleep(0.1 + self.random.random() ** 2 * self.world.pace_s * 3)
            await self._tried(self._act())
        await self._surely(c.ConfigureBrake(RELEASED.settings))
        while self._others_work():
            await asyncio.sleep(0.5)
            await self._release()
        if self.random.random() < 0.3:
            await self._mass_failure()
        while self.cast.unswept() or self.cast.deserted():
            await asyncio.sleep(0.5)
            await self._release()

    def _others_work(self) -> bool:
        return any(not user.process.dead and user.owed() for user in self.cast.nodes())

    # ── while there are faults ──────────────────────────────────────────────────────────────────────────────

    async def _act(self) -> None:
        random, name = self.random, self.random.choice(self.cast.names)
        draw = random.random()
        if draw < 0.15:
            await self._ask(c.EvictNode(name, "", "why"))
        elif draw < 0.3:
            await self._ask(random.choice((c.DrainNode(name, "why"), c.UndrainNode(name))))
        elif draw < 0.4:
            await self._ask(c.InspectNode(name))
        elif draw < 0.5:
            await self._ask(c.PullBrake(0, 0, 0, "by hand"))
        elif draw < 0.65:
            await self._ask(c.ReleaseBrake("why"))
        elif draw < 0.75:
            auto_ms = random.choice((0, 0, 2_000))
            settings = c.BrakeSettings(
                random.choice((30, 60)), random.choice((1, 2)), 3_000, auto_ms, random.random() < 0.8
            )
            await self._ask(c.ConfigureBrake(settings))
        else:
            await self._forge(name)

    async def _forge(self, name: str) -> None:
        """Speak for a session that is over, or never was."""
        random = self.random
        known = [each for each in self.cast.sessions.over if each.startswith(name)]
        forged = random.choice(
            (*known, *(session_of(name, first + random.randint(1, 200), PRINCIPAL) for first in (0, 1 << 48)))
        )
        if self.cast.sessions.is_live(forged):
            return
        self._forged += 1
        draw = random.random()
        if draw < 0.4:
            await self._ask(c.Heartbeat(name, forged, 0, "PASSING"))
        elif draw < 0.7:
            offer = c.RegisterInstance(random.choice(("a", "b")), "forged", "", "", 1, (), True, 1, 1, False)
            await self._ask(offer, session=forged)
        else:
            lock = AcquireLock(self.cast.lock_name, "EXCLUSIVE", 500)
            await self.client.command(
                "locks", lock, handle=f"forged{self._forged}", timeout=3.0, session=forged
            )

    # ── in the end ──────────────────────────────────────────────────────────────────────────────────────────

    async def _mass_failure(self) -> None:
        """Most nodes die at once."""
        world, cast = self.world, self.cast
        await self._release()
        await asyncio.sleep(RELEASED.settings.window_ms / 1000 + 1.0)  # what died before must not count
        while self._is_pulled() or self._is_quiet():
            await self._surely(c.ReleaseBrake("all is well"))
            await asyncio.sleep(1.0)
        crew = [cast.start_node(f"m{i}", stays=True) for i in range(CREW)]
        while any(user.session is None for user in crew):
            await asyncio.sleep(0.2)
        lost = [user.session for user in crew]
        alive = len(cast.sessions.live)
        world.trace("mass failure", *lost)
        for user in crew:
            user.process.kill()
        waited_s = 0.0
        while not self._is_pulled():
            await asyncio.sleep(0.1)
            waited_s += 0.1
            if waited_s > PULLED_S:
                cast.fail(
                    f"{lost} of {alive} nodes died at once, and the brake is not pulled after {PULLED_S} s"
                )
                return
        await asyncio.sleep(4.0)
        refused = {session for endings in cast.endings.values() for session in endings.refused}
        ended = [session for session in lost if session in refused]
        if len(ended) == len(lost) or (ended and not cast.sweepers_lag()):
            cast.fail(f"{lost} died at once and {ended} are ended, though that pulled the brake")

    def _is_pulled(self) -> bool:
        return any(books.pulled for books in self.cast.books.values())

    def _is_quiet(self) -> bool:
        """Say whether the brake was released too short a time ago, as far as the log has come, to be pulled again."""
        partitions, books = self.world.partitions, self.cast.books
        return any(partitions[where].judge.lease_ms < each.quiet_until for where, each in books.items())

    async def _release(self) -> None:
        if self._is_pulled():
            await self._surely(c.ReleaseBrake("all is well"))

    # ── small things ────────────────────────────────────────────────────────────────────────────────────────

    async def _ask(self, command: object, session: str = "") -> Any:
        return await self.client.command("nodes", command, timeout=3.0, session=session)

    async def _tried(self, act: Awaitable[object]) -> None:
        try:
            await act
        except TidelockError as error:
            self.world.trace(self.name, repr(error))

    async def _surely(self, command: object) -> None:
        while True:
            try:
                await self._ask(command)
            except TidelockError as error:
                self.world.trace(self.name, repr(error))
                await asyncio.sleep(0.3)
            else:
                return
