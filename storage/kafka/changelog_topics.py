"""The topics of changelogs: compacted, with the partitions of their log, as durable as that."""

from collections.abc import Collection
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from storage.kafka.topics import TopicProblem, check_counts, check_settings, create_missing
from storage.kafka.writer import MAX_BATCH_BYTES
from streams.log.ports import LogUnavailable
from streams.log.positions import PartitionId
from streams.projections.changelog import topic_of
from streams.projections.projection import Projection

SAFE: Final = {
    "cleanup.policy": "compact",
    "message.timestamp.type": "LogAppendTime",
    "unclean.leader.election.enable": "false",
}
"""What exactness needs."""
SENSIBLE: Final = {
    "max.message.bytes": str(MAX_BATCH_BYTES),
    "segment.bytes": str(64 * 1024 * 1024),
    "min.cleanable.dirty.ratio": "0.2",
}
"""What an operator may change."""


async def ready_changelogs(bootstrap: str, projections: Collection[Projection]) -> None:
    """Create what is missing, and check what is there. Raises `LogUnavailable`, `TopicProblem`."""
    if not projections:
        return
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        wanted = {each: await _wanted(admin, each) for each in projections}
        await create_missing(admin, list(wanted.values()))
        await check_counts(admin, {topic.name: topic.num_partitions for topic in wanted.values()})
        await check_settings(admin, {topic.name: SAFE for topic in wanted.values()})
    except KafkaError as error:
        raise LogUnavailable(f"the changelogs at {bootstrap} cannot be made ready: {error!r}") from error
    finally:
        await admin.close()


async def _wanted(admin: AIOKafkaAdminClient, projection: Projection) -> NewTopic:
    """Return the changelog of a read model: its partitions and replicas are those of the log."""
    log = PartitionId(projection.kind, 0).log_topic
    (described,) = await admin.describe_topics([log])
    partitions = described["partitions"]
    if described["error_code"] or not partitions:
        raise TopicProblem(f"{log} is not there. Start a worker first; it creates the topics.")
    replicas = len(partitions[0]["replicas"])
    configs = SAFE | SENSIBLE | {"min.insync.replicas": str(max(1, replicas - 1))}
    name = topic_of(projection.name, projection.kind)
    return NewTopic(name, len(partitions), replicas, topic_configs=configs)
