"""What a topic is, for those who look at it from outside: how many partitions, where they end, how durable."""

from collections.abc import Sequence

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from storage.kafka.client import consumer
from streams.log.ports import LogUnavailable
from streams.log.positions import PartitionId


async def ends_of(bootstrap: str, topics: Sequence[str]) -> dict[tuple[str, int], int]:
    """Return the end offset of each partition of `topics`; a topic that is not there has none."""
    admin, reading = AIOKafkaAdminClient(bootstrap_servers=bootstrap), consumer(bootstrap)
    try:
        await admin.start()
        await reading.start()
        there = set(await admin.list_topics()).intersection(topics)
        described = await admin.describe_topics(sorted(there)) if there else []
        found = [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        ]
        ends = await reading.end_offsets(found) if found else {}
    except KafkaError as error:
        raise LogUnavailable(
            f"Kafka at {bootstrap} does not answer: {error!r}. Is it running there?"
        ) from error
    finally:
        await reading.stop()
        await admin.close()
    return {(at.topic, at.partition): end for at, end in ends.items()}


async def partitions_of(bootstrap: str, kind: str) -> int:
    """Return how many partitions `kind` has. Raises `LogUnavailable`."""
    topic = PartitionId(kind, 0).log_topic
    found = len(await ends_of(bootstrap, [topic]))
    if not found:
        raise LogUnavailable(f"{topic} is not there. Start a worker: it makes the topics.")
    return found


async def durability_of(bootstrap: str, topic: str) -> str:
    """Return the topic's durability class, `fsync` or `page-cache`, with its replication factor."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        described = await admin.describe_topics([topic])
        replicas = len(described[0]["partitions"][0]["replicas"])
        responses = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        settings = {entry[0]: entry[1] for response in responses for entry in response.resources[0][4]}
    except (KafkaError, LookupError) as error:
        raise LogUnavailable(f"{topic} at {bootstrap} cannot be described: {error!r}") from error
    finally:
        await admin.close()
    return f"{'fsync' if settings.get('flush.messages') == '1' else 'page-cache'}, {replicas} replica(s)"
