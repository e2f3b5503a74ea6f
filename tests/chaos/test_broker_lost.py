"""Three brokers, three replicas, two in sync: the one that leads a log is killed, twice, and nothing is lost.

"Lost" would be an acknowledged answer that the log does not hold. The broker is started again by its supervisor; before
the second kill it has caught up, so that two in sync are left.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.log.positions import PartitionId
from tests.integration.engine.cluster import Cluster, Load, prove, until
from tidelock.local.testing import kafka_for_tests

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("brokers"),
]
REPLICATED = {"TIDELOCK_REPLICATION": "3", "TIDELOCK_MIN_INSYNC": "2"}
LOG = PartitionId("locks", 0).log_topic


@pytest_asyncio.fixture(loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with kafka_for_tests(tmp_path_factory.mktemp("kafka"), brokers=3) as stack:
        one = Cluster(stack, tmp_path_factory.mktemp("workers"))
        yield one
        await one.end()


async def partitions(cluster: Cluster) -> list[dict[str, Any]]:
    """Return the log's partitions, with leader and in-sync replicas; none while the brokers do not say."""
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.kafka, request_timeout_ms=3000)
    try:
        await admin.start()
        found: list[dict[str, Any]] = (await admin.describe_topics([LOG]))[0]["partitions"]
        return sorted(found, key=lambda each: int(each["partition"]))
    except (KafkaError, TimeoutError, OSError):
        return []
    finally:
        await admin.close()


async def lose_the_leader(cluster: Cluster, load: Load) -> int:
    """Kill the broker that leads partition 0; return its node id once others lead all and the load moves on."""
    lost = int((await partitions(cluster))[0]["leader"])
    cluster.stack.part(f"kafka-{lost}").kill()

    async def replaced() -> bool:
        now = await partitions(cluster)
        return bool(now) and now[0]["leader"] not in {lost, -1}

    await until(replaced)
    await load.progress(3)
    return lost


async def test_the_leader_of_a_log_is_killed_and_no_acknowledged_change_is_lost(cluster: Cluster) -> None:
    one, two = await cluster.worker("one", **REPLICATED), await cluster.worker("two", **REPLICATED)
    await cluster.led_by(one, two, idle=True)
    load = Load(cluster, "brokers", clients=2)

    async def whole() -> bool:
        now = await partitions(cluster)
        return len(now) == 4 and all(len(each["isr"]) == 3 for each in now)

    try:
        await until(whole)
        await load.start()
        first = await lose_the_leader(cluster, load)
        await cluster.stack.part(f"kafka-{first}").wait_ready()
        await until(whole)
        second = await lose_the_leader(cluster, load)
        await load.stop()
        assert load.errors == {}
        found = await prove(cluster, load)
        assert {report.where.partition for report in found.reports} == {0, 1, 2, 3}
        restarts = {node: cluster.stack.part(f"kafka-{node}").restarts for node in range(3)}
        assert all(restarts[node] > 0 for node in {first, second}), restarts
    finally:
        await load.cancel()
