"""Opens live subscriptions over the real log and read models: for the composition root."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from prometheus_client import Gauge

from api.ports import LogEnds
from api.subscriptions.cursor import CursorCodec
from api.subscriptions.hub import Hub, HubLimits
from api.subscriptions.live import Live
from api.subscriptions.replay import Replays
from api.subscriptions.tail import Tail
from storage.kafka.log import KafkaTopicReader
from storage.kafka.tail import KafkaLogTail
from storage.postgres.marks import PostgresLogMarks
from storage.postgres.pool import Pool
from storage.postgres.stood import PostgresStoodLocks
from streams.domain.locks.kind import LOCKS
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary

SUBSCRIPTIONS = Gauge("tidelock_api_subscriptions", "Live subscriptions now.")


@asynccontextmanager
async def live_locks(
    kafka: str, ends: LogEnds, connections: Pool, key: bytes, subscriptions: int
) -> AsyncIterator[Live]:
    """Tail the logs of locks, and serve those who watch."""
    vocabulary = Vocabulary(LOCKS)
    hub = Hub(vocabulary, HubLimits(subscriptions=subscriptions))
    marks = PostgresLogMarks(connections)

    def log_of(where: PartitionId) -> KafkaTopicReader:
        return KafkaTopicReader(kafka, where.log_topic, where.partition)

    async def ends_now() -> dict[PartitionId, int]:
        count = await ends.partitions(LOCKS.name)
        return await ends.ends([PartitionId(LOCKS.name, number) for number in range(count)])

    live = Live(
        hub,
        Replays(marks, log_of, vocabulary),
        CursorCodec(LOCKS.name, key, hub.genesis_of),
        PostgresStoodLocks(connections),
    )
    SUBSCRIPTIONS.set_function(lambda: hub.subscriptions)
    tailing = asyncio.create_task(Tail(hub, KafkaLogTail(kafka), ends_now, marks).run(), name="tail")
    try:
        yield live
    finally:
        tailing.cancel()
        with suppress(asyncio.CancelledError):
            await tailing
