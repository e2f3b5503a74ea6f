"""A worker whose place in the group is lost says so and ends: its supervisor starts it again."""

import pytest

from streams.engine.worker import EXIT_GROUP
from tests.integration.engine.cluster import Cluster

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("engine"),
]


async def test_a_worker_that_the_group_refuses_ends_with_its_own_code(cluster: Cluster) -> None:
    refused = await cluster.worker("refused", TIDELOCK_SESSION_TIMEOUT_MS="2000000000")
    assert await refused.exit_code() == EXIT_GROUP
    [told] = refused.events("the place in the group is lost; start again")
    assert "InvalidSessionTimeoutError" in told["error"]
