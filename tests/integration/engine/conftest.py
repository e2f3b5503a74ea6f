"""One broker for all tests of a module; each test has its own workers."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.engine.cluster import Cluster
from tidelock.local.stack import LocalStack
from tidelock.local.testing import kafka_for_tests


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    async with kafka_for_tests(tmp_path_factory.mktemp("kafka")) as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="session")
async def cluster(broker: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    one = Cluster(broker, tmp_path_factory.mktemp("workers"))
    yield one
    await one.end()
