"""Where logs end, which offset a time has, what a log is: looked up, not tailed."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from storage.kafka.client import consumer, finish
from storage.kafka.log import KafkaTopicReader
from storage.kafka.topic_facts import partitions_of
from streams.log.genesis import genesis_of
from streams.log.ports import LogUnavailable
from streams.log.positions import PartitionId
from streams.log.records import Genesis

WITHIN_S = 5.0
_T = TypeVar("_T")


class KafkaLookUps:
    """A consumer that answers for offsets; connects when first asked, and anew after a failure."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer: AIOKafkaConsumer | None = None
        self._starting = asyncio.Lock()

    async def close(self) -> None:
        """Disconnect."""
        lookups, self._consumer = self._consumer, None
        if lookups is not None:
            await finish(lookups.stop())

    async def asked(self, ask: Callable[[AIOKafkaConsumer], Awaitable[_T]]) -> _T:
        """Return what it answers. Raises `LogUnavailable`."""
        try:
            async with asyncio.timeout(WITHIN_S):
                return await ask(await self._started())
        except (KafkaError, TimeoutError) as error:
            await self.close()
            raise LogUnavailable(f"the logs cannot be looked up: {error!r}") from error

    async def _started(self) -> AIOKafkaConsumer:
        async with self._starting:
            if self._consumer is None:
                lookups = consumer(self._bootstrap)
                try:
                    await lookups.start()
                except BaseException:
                    await finish(lookups.stop())
                    raise
                self._consumer = lookups
            return self._consumer


class KafkaLogEnds:
    """Looks up what there is to know of logs."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._look_ups = KafkaLookUps(bootstrap)

    async def partitions(self, kind: str) -> int:
        """Return how many partitions `kind` has. Raises `LogUnavailable`."""
        return await partitions_of(self._bootstrap, kind)

    async def end(self, where: PartitionId) -> int:
        """Return the offset that the next record will have. Raises `LogUnavailable`."""
        return (await self.ends([where]))[where]

    async def ends(self, several: Collection[PartitionId]) -> dict[PartitionId, int]:
        """Return the offsets that the next records will have. Raises `LogUnavailable`."""
        at = {where: TopicPartition(where.log_topic, where.partition) for where in several}
        found = await self._look_ups.asked(lambda lookups: lookups.end_offsets(list(at.values())))
        return {where: found[each] for where, each in at.items()}

    async def genesis(self, where: PartitionId) -> Genesis | None:
        """Return what a log is, by its first record; waits for one. Raises `LogUnavailable`."""
        return await genesis_of(KafkaTopicReader(self._bootstrap, where.log_topic, where.partition))

    async def after(self, where: PartitionId, time_ms: int) -> int:
        """Return the offset of the first record after a time; the end if there is none. Raises `LogUnavailable`."""
        at = TopicPartition(where.log_topic, where.partition)
        found = (await self._look_ups.asked(lambda lookups: lookups.offsets_for_times({at: time_ms + 1})))[at]
        return await self.end(where) if found is None else found.offset

    async def close(self) -> None:
        """Disconnect."""
        await self._look_ups.close()
