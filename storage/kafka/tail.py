"""Tailing the logs of many partitions by one consumer: assigned, no group, nothing committed."""

from collections.abc import AsyncIterator, Mapping

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from storage.kafka.client import consumer, finish
from streams.log.ports import LogUnavailable, Stored
from streams.log.positions import PartitionId

MAX_RECORDS = 2000
"""A turn's worth, over all partitions: 500 decisions a record at most."""


class KafkaLogTail:
    """Implements `streams.log.ports.LogTail`."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    async def read(
        self, starts: Mapping[PartitionId, int]
    ) -> AsyncIterator[Mapping[PartitionId, list[Stored]]]:
        """Yield what comes, for ever. Raises `LogUnavailable`, also where a start is no longer retained."""
        where_of = {TopicPartition(where.log_topic, where.partition): where for where in starts}
        reading = consumer(self._bootstrap)
        try:
            await reading.start()
            reading.assign(list(where_of))
            for at, where in where_of.items():
                reading.seek(at, starts[where])
            while True:
                fetched = await reading.getmany(timeout_ms=1000, max_records=MAX_RECORDS)
                if fetched:
                    yield {
                        where_of[at]: [Stored(one.offset, one.timestamp, one.value) for one in records]
                        for at, records in fetched.items()
                    }
        except KafkaError as error:
            raise LogUnavailable(f"the logs cannot be tailed: {error!r}") from error
        finally:
            await finish(reading.stop())
