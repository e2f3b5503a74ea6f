"""A worker in memory that the command line finds, on a thread of its own, and a client of it."""

from typing import Any, Generic, TypeVar

from streams.domain.kind import KindSpec
from tests.unit.client.nodes.server import NodeWorker
from tests.unit.client.worker import FakeClock
from tidelock.client.client import Client, connect
from tidelock.client.loop_thread import LoopThread

W = TypeVar("W", bound=NodeWorker)


class Standing(Generic[W]):
    """The worker, its clock, and the client `c1`."""

    def __init__(self, made: type[W], kind: str, kinds: tuple[KindSpec, ...]) -> None:
        self.clock = FakeClock()
        self.worker = made(self.clock)
        self._kind, self._kinds = kind, kinds
        self._thread = LoopThread()
        self._client: Client | None = None

    def start(self) -> str:
        """Return the address."""
        self.run(self.worker.start())
        self._client = self.run(self._connect())
        return self.worker.address

    def stop(self) -> None:
        self.run(self.client._session.close())
        self.run(self.worker.stop())
        self._thread.stop()

    @property
    def client(self) -> Client:
        assert self._client is not None
        return self._client

    def run(self, work: Any) -> Any:
        """Return what a coroutine returns, there."""
        return self._thread.run(work)

    def do(self, command: Any, session: str = "") -> Any:
        """Return the answer to a command of the client."""
        return self.run(self.client.command(self._kind, command, session=session))

    async def _connect(self) -> Client:
        return await connect(
            self.worker.address, token="t", clock=self.clock, kinds=self._kinds, client_id="c1"
        )
