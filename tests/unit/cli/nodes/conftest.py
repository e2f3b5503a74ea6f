"""The command line beside a worker in memory that decides nodes, and nodes that are registered there."""

from collections.abc import Iterator
from typing import Any

import pytest

from streams.domain.nodes.commands import Label, RegisterNode, Registration
from tests.unit.cli.conftest import Cli
from tests.unit.client.nodes.server import KINDS, NodeWorker
from tests.unit.client.worker import FakeClock
from tidelock.client.client import Client, connect
from tidelock.client.loop_thread import LoopThread

REGISTRATION = Registration("10.0.0.1:80", "z1", (Label("role", "db"),), 8, (), 5_000)


class Standing:
    """A worker in memory, on a thread of its own."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.worker = NodeWorker(self.clock)
        self._thread = LoopThread()
        self._client: Client | None = None

    def start(self) -> str:
        """Return the address."""
        self._thread.run(self.worker.start())
        self._client = self._thread.run(self._connect())
        return self.worker.address

    def stop(self) -> None:
        assert self._client is not None
        self._thread.run(self._client._session.close())
        self._thread.run(self.worker.stop())
        self._thread.stop()

    def do(self, command: Any, session: str = "") -> Any:
        """Return the answer to a command of the client `c1`."""
        assert self._client is not None
        return self._thread.run(self._client.command("nodes", command, session=session))

    def register(self, name: str) -> str:
        """Return the session of a node."""
        session: str = self.do(RegisterNode(name, REGISTRATION, "")).session
        return session

    async def _connect(self) -> Client:
        return await connect(self.worker.address, token="t", clock=self.clock, kinds=KINDS, client_id="c1")


@pytest.fixture
def standing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Standing]:
    """The worker that the command line finds."""
    standing = Standing()
    monkeypatch.setenv("TIDELOCK_WORKERS", standing.start())
    monkeypatch.setenv("TIDELOCK_HOME", "/nowhere")
    yield standing
    standing.stop()
