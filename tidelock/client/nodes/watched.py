"""The instances of one service as this client knows them: one watch, shared by all who use it."""

import asyncio
from typing import Final

from tidelock.client.errors import BadArgument, ClientClosed, NotAuthenticated, NotAuthorized, TidelockError
from tidelock.client.nodes.instance import Instance, instances_of
from tidelock.client.nodes.persisting import persist
from tidelock.client.nodes.transport import Nodes

WAIT_MS: Final = 60_000
"""How long a watch waits before it is renewed: so long may one of a client that died be kept."""
FINAL: Final = (BadArgument, ClientClosed, NotAuthenticated, NotAuthorized)
UNKNOWN: Final = -1


class Watched:
    """Waits at the service's owner for changes, as long as somebody uses it; nothing is polled.

    While the owner cannot be reached the instances stay as they were last known.
    """

    def __init__(self, service: str, nodes: Nodes) -> None:
        self.service = service
        self.users = 0
        """Iterators; they keep the watch going."""
        self._nodes = nodes
        self._instances: tuple[Instance, ...] | None = None
        self._version = UNKNOWN
        self._error: TidelockError | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._used_s = 0.0

    async def now(self) -> tuple[Instance, ...]:
        """Return the instances as last told, the first time once they are. Raises `NotAuthorized`, `BadArgument`."""
        self._use()
        while self._instances is None:
            if self._error is not None:
                raise self._error
            await self._changed.wait()
        return self._instances

    async def other_than(self, known: tuple[Instance, ...] | None) -> tuple[Instance, ...]:
        """Return the instances as soon as they are not those `known`, by identity."""
        while (instances := await self.now()) is known:
            await self._changed.wait()
        return instances

    def close(self) -> None:
        """Wait no more. For the client that is closed."""
        if self._task is not None:
            self._task.cancel()
        self._fail(ClientClosed("The client is closed. Open another one."))

    def _use(self) -> None:
        self._used_s = self._nodes.clock.now()
        if self._task is None and not self._nodes.session.closing:
            self._instances, self._version, self._error = None, UNKNOWN, None
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._run(), name=f"tidelock-watch-{self.service}")

    def _is_used(self) -> bool:
        return self.users > 0 or self._nodes.clock.now() - self._used_s < WAIT_MS / 1000

    async def _run(self) -> None:
        try:
            while self._is_used():
                await persist(self._once, self._nodes.clock, FINAL)
        except TidelockError as error:
            self._fail(error)
        finally:
            self._task = None

    async def _once(self) -> None:
        told = await self._nodes.watch(self.service, self._version, WAIT_MS)
        if told is not None:
            self._version, self._instances = told.version, instances_of(self.service, told)
            self._wake()

    def _fail(self, error: TidelockError) -> None:
        self._instances, self._error = None, error
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
