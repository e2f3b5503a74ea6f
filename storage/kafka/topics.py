"""The topics: created once with the settings the log needs, and checked ever after.

Errors:
    TopicProblem            a PortError: an owner that meets it tries again until the topic is repaired
    ├── TopicDrift          a topic's setting is not what safety needs
    ├── TopicUnknown        the broker does not describe a topic, now or at all
    └── WrongPartitionCount a topic has another number of partitions
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from storage.kafka.client import LETTER_RECORD_BYTES, MAX_RECORD_BYTES
from streams.domain.value import value
from streams.log.ports import PortError
from streams.log.positions import DEAD_LETTERS, PartitionId

FLUSH_EVERY = "1"
METADATA_TIMEOUT_S = 30.0
METADATA_PAUSE_S = 0.05


class TopicProblem(PortError):
    """A topic is not fit to be the truth."""

    code = "TOPIC_PROBLEM"


class TopicDrift(TopicProblem):
    """A topic's setting is not what safety needs."""

    code = "TOPIC_DRIFT"

    def __init__(self, topic: str, key: str, found: str | None, wanted: str) -> None:
        super().__init__(
            f"{topic}: {key} is {found!r}, safety needs {wanted!r}. Repair it: kafka-configs.sh --alter "
            f"--entity-type topics --entity-name {topic} --add-config {key}={wanted}"
        )
        self.topic, self.key, self.found, self.wanted = topic, key, found, wanted


class TopicUnknown(TopicProblem):
    """The broker does not describe a topic: a moment of its own, or the topic is gone."""

    code = "TOPIC_UNKNOWN"

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(
            f"{topic} is not described by the broker ({reason}). If that lasts, look at the broker's log."
        )
        self.topic, self.reason = topic, reason


class WrongPartitionCount(TopicProblem):
    """A topic has another number of partitions than the settings say."""

    code = "WRONG_PARTITION_COUNT"

    def __init__(self, topic: str, found: int, wanted: int) -> None:
        super().__init__(
            f"{topic} has {found} partitions, the settings say {wanted}. A log never changes its count: set "
            f"TIDELOCK_PARTITIONS={found} (of one kind alone: TIDELOCK_KIND_PARTITIONS), or recreate a topic that "
            "somebody altered."
        )
        self.topic, self.found, self.wanted = topic, found, wanted


@value
class TopicSettings:
    """What the topics of one installation look like."""

    partitions: int
    replication: int = 1
    min_insync: int = 1
    fsync: bool = False
    """Durability class: flush every append (`fsync`) instead of the page cache."""
    kind_partitions: tuple[tuple[str, int], ...] = ()
    """Of the kinds that have not `partitions`."""

    def partitions_of(self, kind: str) -> int:
        """Return how many partitions each topic of `kind` has."""
        return dict(self.kind_partitions).get(kind, self.partitions)

    def configuration(self) -> dict[str, str]:
        """Return the settings that safety needs."""
        wanted = {
            "cleanup.policy": "delete",
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(MAX_RECORD_BYTES),
            "min.insync.replicas": str(self.min_insync),
            "unclean.leader.election.enable": "false",
        }
        return wanted | ({"flush.messages": FLUSH_EVERY} if self.fsync else {})

    def of_letters(self) -> dict[str, str]:
        """Return the settings of the dead letters: none is forgotten, each has room."""
        return {
            "cleanup.policy": "delete",
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "max.message.bytes": str(LETTER_RECORD_BYTES),
            "min.insync.replicas": str(self.min_insync),
        }


async def create_topics(admin: AIOKafkaAdminClient, kinds: tuple[str, ...], settings: TopicSettings) -> None:
    """Create what is missing; what exists stays as it is."""
    right = settings.configuration()
    new = [
        NewTopic(topic, settings.partitions_of(kind), settings.replication, topic_configs=right)
        for kind in kinds
        for topic in _topics_of(kind)
    ]
    new.append(NewTopic(DEAD_LETTERS, 1, settings.replication, topic_configs=settings.of_letters()))
    await create_missing(admin, new)


async def create_missing(admin: AIOKafkaAdminClient, new: Collection[NewTopic]) -> None:
    """Create those of `new` that are not there, and wait until they can be used. Raises `TopicProblem`."""
    present = set(await admin.list_topics())
    missing = [topic for topic in new if topic.name not in present]
    if not missing:
        return
    response = await admin.create_topics(missing)
    for topic, code, *detail in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise TopicProblem(
                f"{topic} cannot be created: {error.__name__} {detail}. Look at the broker's log."
            )
    await _wait_until_known(admin, {topic.name for topic in missing})


async def _wait_until_known(admin: AIOKafkaAdminClient, topics: set[str]) -> None:
    """Wait for the broker's own metadata: it answers for a new topic only once that has caught up."""
    async with asyncio.timeout(METADATA_TIMEOUT_S):
        while not all(map(_has_leaders, await admin.describe_topics(sorted(topics)))):
            await asyncio.sleep(METADATA_PAUSE_S)


def _has_leaders(topic: dict[str, Any]) -> bool:
    return topic["error_code"] == 0 and all(
        p["leader"] >= 0 and not p["error_code"] for p in topic["partitions"]
    )


async def check_topics(admin: AIOKafkaAdminClient, kinds: tuple[str, ...], settings: TopicSettings) -> None:
    """Refuse drifted topics. Raises `TopicDrift`, `TopicUnknown`, `WrongPartitionCount`."""
    counts = {topic: settings.partitions_of(kind) for kind in kinds for topic in _topics_of(kind)}
    await check_counts(admin, counts)
    wanted = dict.fromkeys(counts, settings.configuration())
    await check_settings(admin, wanted | {DEAD_LETTERS: settings.of_letters()})


async def check_counts(admin: AIOKafkaAdminClient, wanted: Mapping[str, int]) -> None:
    """Compare topics with the partition count wanted of each, in one request.

    Raises `WrongPartitionCount`, `TopicUnknown`, `KafkaError`.
    """
    for described in await admin.describe_topics(list(wanted)):
        if described["error_code"]:
            raise TopicUnknown(described["topic"], for_code(described["error_code"]).__name__)
        found, right = len(described["partitions"]), wanted[described["topic"]]
        if found != right:
            raise WrongPartitionCount(described["topic"], found, right)


async def check_settings(admin: AIOKafkaAdminClient, wanted: Mapping[str, Mapping[str, str]]) -> None:
    """Compare topics with the settings wanted of each, in one request. Raises `TopicDrift`, `KafkaError`."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in wanted]
    for response in await admin.describe_configs(resources):
        for code, _, _, topic, entries in response.resources:
            if code:
                raise for_code(code)(topic)
            found = {entry[0]: entry[1] for entry in entries}
            for key, right in wanted[topic].items():
                if found.get(key) != right:
                    raise TopicDrift(topic, key, found.get(key), right)


def _topics_of(kind: str) -> tuple[str, str]:
    where = PartitionId(kind, 0)
    return where.log_topic, where.commands_topic
