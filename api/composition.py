"""What services know of single kinds, put together from adapters: a part of the composition root `server`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from api.hot.copies import HotCopies
from api.hot.kinds import Hot
from api.hot.rows import HotRows
from api.hot.windows import HotWindows
from api.letters import Letters
from api.subscriptions.caches import LiveCaches
from api.subscriptions.live import Live
from api.subscriptions.nodes import LiveNodes
from api.subscriptions.opening import Followed, log_reader
from api.subscriptions.queues import LiveQueues
from api.subscriptions.streams import KindStreams
from api.values import LoggedValues
from storage.kafka.letters import KafkaLetterDesk
from storage.kept import store_at
from storage.postgres.marks import PostgresLogMarks
from storage.postgres.pool import Connections, Pool, PoolSettings, pool
from storage.postgres.reads_caches import PostgresCacheReads
from storage.postgres.reads_nodes import PostgresNodeReads
from storage.postgres.standby import WithStandby
from storage.postgres.stood import PostgresStoodLocks
from streams.domain.kind import KindSpec
from streams.projections.projection import Projection
from streams.projections.queues.reads import QueueReads
from streams.projections.reads import Progress
from streams.read_models import PROJECTIONS

STANDBY_WAIT_S = 0.25
"""Who would wait longer for a connection to the standby asks the primary."""


@asynccontextmanager
async def reading(primary: Pool, replica: str | None, settings: PoolSettings) -> AsyncIterator[Connections]:
    """Open what read models are asked through: the primary, or, where it will do, its standby."""
    if replica is None:
        yield primary
        return
    standby = pool(replica, replace(settings, wait_s=STANDBY_WAIT_S))
    await standby.open(wait=False)
    try:
        yield WithStandby(primary, standby)
    finally:
        await standby.close()


def live_locks(logs: Followed, connections: Connections) -> Live:
    """Return what subscriptions of locks ask."""
    return Live(logs.hub, logs.replays, logs.cursors, PostgresStoodLocks(connections))


def live_queues(logs: Followed, reads: QueueReads, progress: Progress) -> LiveQueues:
    """Return what subscriptions of queues ask."""
    return LiveQueues(_streams(logs), reads, progress)


def of_copies(copies: HotCopies | None, progress: Progress, partitions: Mapping[str, int]) -> dict[str, Any]:
    """Return what services look up in hot copies; nothing where there are none."""
    if copies is None:
        return {}
    windows = HotWindows(copies, partitions)
    return {"hot": Hot.of(HotRows(copies, progress), partitions), "activity": windows, "tables": windows}


def of_nodes(logs: Followed | None, connections: Connections) -> dict[str, Any]:
    """Return what services know of nodes; nothing where this node of the API does not follow them."""
    if logs is None:
        return {}
    reads = PostgresNodeReads(connections)
    return {"nodes": reads, "live_nodes": LiveNodes(_streams(logs), reads)}


def of_caches(
    logs: Followed | None, connections: Connections, kafka: str, marks: PostgresLogMarks
) -> dict[str, Any]:
    """Return what services know of caches; nothing where this node does not follow them."""
    if logs is None:
        return {}
    return {
        "caches": PostgresCacheReads(connections),
        "live_caches": LiveCaches(_streams(logs)),
        "values": LoggedValues(logs.hub.vocabulary, log_reader(kafka), marks),
    }


def letters(kafka: str, postgres: str, kinds: Sequence[KindSpec]) -> Letters:
    """Return the dead letters. Read models are opened when one is to be emptied, which is seldom."""

    async def empty(projection: Projection) -> None:
        async with store_at(kafka, postgres, "tidelock api") as store:
            await store.reset(projection)

    return Letters(KafkaLetterDesk(kafka), kinds, PROJECTIONS, empty)


def _streams(logs: Followed) -> KindStreams:
    return KindStreams(logs.hub, logs.replays, logs.cursors)
