"""When events were appended, by the broker's clock."""

from storage.kafka.log import KafkaTopicReader
from streams.domain.kind import KindSpec
from streams.log.accepted import CommitReader
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary


async def appended(kafka: str, kind: KindSpec, event: type) -> list[tuple[str, float]]:
    """Return (name of the key, seconds since 1970) of all events of a type in the kind's one partition."""
    where, words = PartitionId(kind.name, 0), Vocabulary(kind)
    log, reader = KafkaTopicReader(kafka, where.log_topic, 0), CommitReader(where, words)
    folder = kind.name if event in kind.events else "wire"
    name, found = f"tidelock.{folder}.{event.__name__}", list[tuple[str, float]]()
    async for records in log.read(0, (await log.bounds())[1]):
        for commit in filter(None, map(reader.read, records)):
            for decision in commit.commit.decisions:
                times = sum(words.event_name(data) == name for data in decision.events)
                found += [(decision.key.partition("/")[2], commit.time_ms / 1000)] * times
    return found
