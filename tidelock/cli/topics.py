"""Reading logs from the command line: which partitions there are, and readers of each."""

from collections.abc import Callable, Sequence

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from storage.kafka.log import KafkaTopicReader
from storage.kafka.topic_facts import ends_of
from streams.log.positions import PartitionId
from tidelock.cli import show
from tidelock.cli.exits import NothingToTalkTo, WrongUse


async def partitions_of(kafka: str, kinds: Sequence[str], only: int | None) -> dict[PartitionId, int]:
    """Return the partitions of the kinds' logs with their ends; a log that is not there has none.

    Raises `NothingToTalkTo` if there is none at all, `WrongUse`.
    """
    topics = {PartitionId(kind, 0).log_topic: kind for kind in kinds}
    ends = await ends_of(kafka, list(topics))
    found = {PartitionId(topics[topic], number): end for (topic, number), end in ends.items()}
    if not found:
        raise NothingToTalkTo(
            f"Kafka at {kafka} holds no log of {', '.join(kinds)}. Start a worker; it creates the topics."
        )
    wanted = [
        where for kind in kinds for where in _of_kind(found, kind) if only is None or where.partition == only
    ]
    if not wanted:
        most = max(where.partition for where in found)
        raise WrongUse(f"{', '.join(kinds)} has no partition {only}, only 0 to {most}.")
    return {where: found[where] for where in wanted}


def _of_kind(found: dict[PartitionId, int], kind: str) -> list[PartitionId]:
    return sorted((where for where in found if where.kind == kind), key=lambda where: where.partition)


def reader_of(kafka: str) -> Callable[[PartitionId], KafkaTopicReader]:
    """Return what opens a partition's log."""
    return lambda where: KafkaTopicReader(kafka, where.log_topic, where.partition)


def commands_of(kafka: str, where: PartitionId) -> KafkaTopicReader:
    """Return the reader of a partition's commands topic."""
    return KafkaTopicReader(kafka, where.commands_topic, where.partition)


def bar(quiet: bool) -> Progress:
    """Return a bar of records read, for those who watch."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=show.err, transient=True, disable=quiet or not show.err.is_terminal)
