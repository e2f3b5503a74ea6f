"""The command line beside a worker in memory that decides nodes, and nodes that are registered there."""

from collections.abc import Iterator

import pytest

from streams.domain.nodes.commands import Label, RegisterNode, Registration
from tests.unit.cli.conftest import Cli
from tests.unit.cli.standing import Standing
from tests.unit.client.nodes.server import KINDS, NodeWorker

REGISTRATION = Registration("10.0.0.1:80", "z1", (Label("role", "db"),), 8, (), 5_000)


class StandingNodes(Standing[NodeWorker]):
    """The worker, on a thread of its own."""

    def __init__(self) -> None:
        super().__init__(NodeWorker, "nodes", KINDS)

    def register(self, name: str) -> str:
        """Return the session of a node."""
        session: str = self.do(RegisterNode(name, REGISTRATION, "")).session
        return session


@pytest.fixture
def standing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandingNodes]:
    """The worker that the command line finds."""
    standing = StandingNodes()
    monkeypatch.setenv("TIDELOCK_WORKERS", standing.start())
    monkeypatch.setenv("TIDELOCK_HOME", "/nowhere")
    yield standing
    standing.stop()
