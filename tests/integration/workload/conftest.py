"""The command line at a stack of Kafka and two workers: one for each file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.cli.conftest import Cli
from tidelock.local.testing import stack_for_tests


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cli(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cli]:
    """The command line at a stack of Kafka and two workers."""
    async with stack_for_tests(tmp_path_factory.mktemp("stack"), ("kafka",), workers=2) as stack:
        yield Cli(stack)
