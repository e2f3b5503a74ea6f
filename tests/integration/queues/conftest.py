"""One broker and one worker for all tests of the folder; a test may add workers of its own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.engine.cluster import Cluster, until
from tests.integration.engine.conftest import broker, cluster
from tidelock.client.client import Client
from tidelock.local.stack import LocalStack

__all__ = ["broker", "cluster"]


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def standing(broker: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A worker that stays, and decides already: commands wait less long for one than clients of tests do."""
    one = Cluster(broker, tmp_path_factory.mktemp("standing"))
    worker = await one.worker("standing")
    await until(worker.ready)
    yield one
    await one.end()


@pytest_asyncio.fixture(loop_scope="session")
async def client(standing: Cluster) -> AsyncIterator[Client]:
    async with standing.connect() as client:
        yield client
