"""What a worker refuses to decide on: drifted topics, another partition count, a foreign log. It says how to repair."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from storage.kafka.topics import TopicDrift, TopicSettings, WrongPartitionCount, check_topics, create_topics
from streams.catalog import KINDS
from streams.engine.worker import EXIT_TOPICS
from streams.log.positions import DEAD_LETTERS
from streams.ops.starting import EXIT_CONFIGURATION
from tests.integration.engine.cluster import Cluster, free_port, truth, until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("engine"),
]
WANTED = TopicSettings(partitions=2)


async def altered(admin: AIOKafkaAdminClient, topic: str, **settings: str) -> None:
    configs = {key.replace("_", "."): value for key, value in settings.items()}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)])


async def drifted(admin: AIOKafkaAdminClient, kind: str) -> TopicDrift | None:
    """Return what is wrong. A broker tells of an altered setting a moment later."""
    try:
        await check_topics(admin, (kind,), WANTED)
    except TopicDrift as drift:
        return drift
    return None


async def fit(admin: AIOKafkaAdminClient, kind: str) -> bool:
    return await drifted(admin, kind) is None


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("retention.ms", "604800000", "-1"),
        ("retention.bytes", "1000000", "-1"),
        ("cleanup.policy", "compact", "delete"),
        ("message.timestamp.type", "CreateTime", "LogAppendTime"),
        ("max.message.bytes", "100000", "1048576"),
    ],
)
async def test_a_drifted_setting_is_named_with_its_repair(
    cluster: Cluster, key: str, value: str, wanted: str
) -> None:
    kind = "drift-" + key.replace(".", "-")
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.kafka)
    await admin.start()
    try:
        await create_topics(admin, (kind,), WANTED)
        await check_topics(admin, (kind,), WANTED)
        right = WANTED.configuration()
        await altered(admin, f"tidelock.{kind}.log", **(right | {key: value}))
        drift = await until(lambda: drifted(admin, kind))
        assert isinstance(drift, TopicDrift)
        assert (drift.key, drift.found, drift.wanted) == (key, value, wanted)
        assert f"--add-config {key}={wanted}" in str(drift)
        await altered(admin, f"tidelock.{kind}.log", **right)
        await until(lambda: fit(admin, kind))
    finally:
        await admin.close()


async def test_another_partition_count_is_refused(cluster: Cluster) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.kafka)
    await admin.start()
    try:
        await create_topics(admin, ("counted",), WANTED)
        with pytest.raises(WrongPartitionCount, match="TIDELOCK_PARTITIONS=2"):
            await check_topics(admin, ("counted",), TopicSettings(partitions=4))
    finally:
        await admin.close()


async def test_the_dead_letters_are_looked_at_too(cluster: Cluster) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.kafka)
    await admin.start()
    try:
        await create_topics(admin, ("lettered",), WANTED)
        await altered(admin, DEAD_LETTERS, **(WANTED.of_letters() | {"retention.ms": "1000"}))
        drift = await until(lambda: drifted(admin, "lettered"))
        assert (drift.topic, drift.key) == (DEAD_LETTERS, "retention.ms")
        await altered(admin, DEAD_LETTERS, **WANTED.of_letters())
        await until(lambda: fit(admin, "lettered"))
    finally:
        await admin.close()


async def test_a_topic_that_drifts_while_workers_run_is_noticed_at_the_next_take_over(
    cluster: Cluster,
) -> None:
    first = await cluster.worker("first")
    await cluster.led_by(first)
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.kafka)
    await admin.start()
    right = TopicSettings(partitions=4).configuration()
    second = await cluster.worker("second")
    try:
        await until(second.ready)
        await altered(admin, "tidelock.locks.log", **(right | {"retention.ms": "604800000"}))
        await first.end()
        told = await until(
            lambda: [line for line in second.events("trouble") if line["code"] == "TOPIC_DRIFT"]
        )
        assert "--add-config retention.ms=-1" in told[0]["error"]
        assert not await second.ready()
    finally:
        await altered(admin, "tidelock.locks.log", **right)
        await admin.close()
    await cluster.led_by(second)


async def test_a_worker_on_topics_that_are_not_fit_ends_and_says_why(cluster: Cluster) -> None:
    first = await cluster.worker("first")
    await cluster.led_by(first)
    other = await cluster.worker("other", TIDELOCK_PARTITIONS="8")
    assert await other.exit_code() == EXIT_TOPICS
    (told,) = other.events("topics are not fit")
    assert told["code"] == "WRONG_PARTITION_COUNT"
    assert "TIDELOCK_PARTITIONS=4" in told["error"]


async def test_a_worker_without_kafka_ends_and_says_so(cluster: Cluster) -> None:
    lost = await cluster.worker("lost", TIDELOCK_KAFKA=f"127.0.0.1:{free_port()}")
    assert await lost.exit_code() == EXIT_TOPICS
    assert lost.events("Kafka cannot be reached")


async def test_a_worker_whose_port_is_taken_names_the_setting(cluster: Cluster) -> None:
    first = await cluster.worker("first")
    await cluster.led_by(first)
    other = await cluster.worker("other", TIDELOCK_WORKER_LISTEN=first.address)
    assert await other.exit_code() == EXIT_CONFIGURATION
    (told,) = other.events("settings are not usable")
    assert (told["code"], f"TIDELOCK_WORKER_LISTEN={first.address}" in told["error"]) == (
        "CANNOT_LISTEN",
        True,
    )


async def test_a_setting_that_is_not_usable_is_named(cluster: Cluster) -> None:
    wrong = await cluster.worker("wrong", TIDELOCK_PARTITIONS="none")
    assert await wrong.exit_code() == EXIT_CONFIGURATION
    assert "partitions" in wrong.log.read_text()


async def test_a_foreign_log_is_never_decided_on(cluster: Cluster) -> None:
    first = await cluster.worker("first")
    await cluster.led_by(first)
    await first.end()
    claims = [report.claims for report in (await truth(cluster)).reports]
    foreign = await cluster.worker("foreign", TIDELOCK_LOG_ID="0123456789abcdef0123456789abcdef")

    async def closed() -> bool:
        partitions = (await foreign.status()).get("partitions", [])
        return len(partitions) == 4 * len(KINDS) and all(
            each["phase"] == "quarantined" for each in partitions
        )

    await until(closed)
    assert [report.claims for report in (await truth(cluster)).reports] == claims
    told = foreign.events("quarantined")[0]["error"]
    assert "log id" in told
    assert "Correct the settings" in told
