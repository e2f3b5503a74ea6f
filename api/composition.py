"""What services know of single kinds, put together from adapters: a part of the composition root `server`."""

from typing import Any

from api.subscriptions.caches import LiveCaches
from api.subscriptions.live import Live
from api.subscriptions.nodes import LiveNodes
from api.subscriptions.opening import Followed, log_reader
from api.subscriptions.queues import LiveQueues
from api.subscriptions.streams import KindStreams
from api.values import LoggedValues
from storage.postgres.marks import PostgresLogMarks
from storage.postgres.pool import Pool
from storage.postgres.reads_caches import PostgresCacheReads
from storage.postgres.reads_nodes import PostgresNodeReads
from storage.postgres.stood import PostgresStoodLocks
from streams.projections.queues.reads import QueueReads
from streams.projections.reads import Progress


def live_locks(logs: Followed, connections: Pool) -> Live:
    """Return what subscriptions of locks ask."""
    return Live(logs.hub, logs.replays, logs.cursors, PostgresStoodLocks(connections))


def live_queues(logs: Followed, reads: QueueReads, progress: Progress) -> LiveQueues:
    """Return what subscriptions of queues ask."""
    return LiveQueues(_streams(logs), reads, progress)


def of_nodes(logs: Followed | None, connections: Pool) -> dict[str, Any]:
    """Return what services know of nodes; nothing where this node of the API does not follow them."""
    if logs is None:
        return {}
    reads = PostgresNodeReads(connections)
    return {"nodes": reads, "live_nodes": LiveNodes(_streams(logs), reads)}


def of_caches(
    logs: Followed | None, connections: Pool, kafka: str, marks: PostgresLogMarks
) -> dict[str, Any]:
    """Return what services know of caches; nothing where this node does not follow them."""
    if logs is None:
        return {}
    return {
        "caches": PostgresCacheReads(connections),
        "live_caches": LiveCaches(_streams(logs)),
        "values": LoggedValues(logs.hub.vocabulary, log_reader(kafka), marks),
    }


def _streams(logs: Followed) -> KindStreams:
    return KindStreams(logs.hub, logs.replays, logs.cursors)
