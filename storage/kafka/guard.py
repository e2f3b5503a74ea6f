"""A partition's topics are looked at again whenever somebody is about to own it: settings drift while workers run."""

import asyncio

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from storage.kafka.log import KafkaPartitionPorts
from storage.kafka.topics import TopicSettings, TopicUnknown, check_counts, check_settings
from storage.kafka.writer import KafkaLogWriter
from streams.log.ports import DeadLetters
from streams.log.positions import PartitionId

LOOK_S = 2.0

_log = structlog.get_logger("tidelock.topics")


class TopicGuard:
    """Looks at the settings and the partition counts of a partition's topics: two requests."""

    def __init__(self, admin: AIOKafkaAdminClient, settings: TopicSettings) -> None:
        self._admin = admin
        self._settings = settings

    async def check(self, where: PartitionId) -> None:
        """Refuse topics that are seen to have drifted. Raises `TopicDrift`, `WrongPartitionCount`.

        A look that fails proves nothing and must not keep a partition from its owner: the worker looked at its start.
        So a drift that no look sees is written on; the log tells that there was no look.
        """
        wanted = dict.fromkeys((where.log_topic, where.commands_topic), self._settings.configuration())
        try:
            async with asyncio.timeout(LOOK_S):
                await check_counts(
                    self._admin, dict.fromkeys(wanted, self._settings.partitions_of(where.kind))
                )
                await check_settings(self._admin, wanted)
        except (KafkaError, TopicUnknown, TimeoutError, OSError) as error:
            _log.warning("the topics could not be looked at", partition=str(where), error=repr(error))


class GuardedPorts(KafkaPartitionPorts):
    """The ports of a partition whose topics must be fit before it gets a writer."""

    def __init__(
        self,
        bootstrap: str,
        where: PartitionId,
        dead_letters: DeadLetters,
        lookups: AIOKafkaConsumer,
        guard: TopicGuard,
    ) -> None:
        super().__init__(bootstrap, where, dead_letters, lookups)
        self._guard = guard

    async def writer(self) -> KafkaLogWriter:
        """Open a new writer. Raises `LogUnavailable`, `TopicProblem`."""
        await self._guard.check(self._where)
        return await super().writer()
