"""One stack for all tests here: Kafka, PostgreSQL, Redis, a worker, a projector, two API nodes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.api.stage import Stage
from tidelock.local.testing import stack_for_tests


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    home = tmp_path_factory.mktemp("api")
    async with (
        stack_for_tests(home, ("kafka", "postgres", "redis"), workers=1, projectors=1, apis=2) as stack,
        Stage(stack) as stage,
    ):
        yield stage
