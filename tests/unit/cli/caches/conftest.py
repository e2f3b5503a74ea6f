"""The command line beside a worker in memory that decides caches."""

from collections.abc import Iterator

import pytest

from tests.unit.cli.conftest import Cli
from tests.unit.cli.standing import Standing
from tests.unit.client.caches.server import KINDS, CacheWorker


@pytest.fixture
def standing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Standing[CacheWorker]]:
    """The worker that the command line finds, with a cache."""
    standing = Standing(CacheWorker, "caches", KINDS)
    monkeypatch.setenv("TIDELOCK_WORKERS", standing.start())
    monkeypatch.setenv("TIDELOCK_HOME", "/nowhere")
    assert cli("cache", "create", "prices", "--shards", "2").code == 0
    yield standing
    standing.stop()
