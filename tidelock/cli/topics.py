"""Reading logs from the command line: which partitions there are, and readers of each."""

from collections.abc import Callable

from storage.kafka.log import KafkaTopicReader
from storage.kafka.topic_facts import ends_of
from streams.catalog import KINDS
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from tidelock.cli.exits import NothingToTalkTo, WrongUse


def vocabulary_of(kind: str) -> Vocabulary:
    """Return the words of a kind that `options.check_kind` accepted."""
    return Vocabulary(next(spec for spec in KINDS if spec.name == kind))


async def partitions_of(kafka: str, kind: str, only: int | None) -> dict[PartitionId, int]:
    """Return the partitions of a kind's log with their ends. Raises `NothingToTalkTo`, `WrongUse`."""
    ends = await ends_of(kafka, [PartitionId(kind, 0).log_topic])
    found = {PartitionId(kind, number): end for (_, number), end in sorted(ends.items())}
    if not found:
        raise NothingToTalkTo(
            f"Kafka at {kafka} holds no log of {kind}. Start a worker; it creates the topics."
        )
    if only is None:
        return found
    where = PartitionId(kind, only)
    if where not in found:
        raise WrongUse(f"{kind} has no partition {only}, only 0 to {len(found) - 1}.")
    return {where: found[where]}


def reader_of(kafka: str) -> Callable[[PartitionId], KafkaTopicReader]:
    """Return what opens a partition's log."""
    return lambda where: KafkaTopicReader(kafka, where.log_topic, where.partition)


def commands_of(kafka: str, where: PartitionId) -> KafkaTopicReader:
    """Return the reader of a partition's commands topic."""
    return KafkaTopicReader(kafka, where.commands_topic, where.partition)
