"""One worker and two detectors for all tests here."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tidelock.local.stack import LocalStack
from tidelock.local.testing import stack_for_tests


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    home = tmp_path_factory.mktemp("processes")
    async with stack_for_tests(home, ("kafka",), workers=1, processes=2) as stack:
        yield stack
