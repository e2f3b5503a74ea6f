"""The broker's disk fills up under load: it stops, comes back with room, and nothing acknowledged is lost.

"Full" is a limit on the size of the files that the broker may write (RLIMIT_FSIZE): its next append fails with an
error from the file system, as on a full disk, and Kafka closes the log directory and ends. The supervisor starts it
again without the limit: somebody made room.
"""

import resource
from collections.abc import AsyncIterator

import psutil  # type: ignore[import-untyped, unused-ignore]
import pytest
import pytest_asyncio

from tests.integration.engine.cluster import Cluster, Load, prove, until
from tidelock.local.testing import kafka_for_tests

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("disk"),
    pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process"),
]
ROOM_BYTES = 64 * 1024


@pytest_asyncio.fixture(loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with kafka_for_tests(tmp_path_factory.mktemp("kafka")) as stack:
        one = Cluster(stack, tmp_path_factory.mktemp("workers"))
        yield one
        await one.end()


async def test_a_full_disk_costs_time_and_nothing_acknowledged(cluster: Cluster) -> None:
    one, two = await cluster.worker("one"), await cluster.worker("two")
    await cluster.led_by(one, two)
    load = Load(cluster, "disk", clients=2)
    try:
        await load.start()
        broker = cluster.stack.part("kafka-0")
        assert broker.child is not None
        segments = cluster.stack.settings.home.rglob("*.log")
        largest = max(segment.stat().st_size for segment in segments)
        limit = largest + ROOM_BYTES
        psutil.Process(broker.child.pid).rlimit(psutil.RLIMIT_FSIZE, (limit, limit))
        await until(lambda: broker.restarts > 0)
        await broker.wait_ready()
        await cluster.led_by(one, two)
        await load.progress(3)
        await load.stop()
        assert load.errors == {}
        await prove(cluster, load)
        assert "File too large" in broker.log.read_text()
    finally:
        await load.cancel()
