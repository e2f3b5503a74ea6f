"""Who speaks for a caller: the client of its session, or of this node where the caller named none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from api.context import Info
from api.types.scalars import Position
from streams.domain.queues.commands import InspectQueue
from streams.domain.queues.replies import QueueStats
from streams.log.positions import Position as LogPosition
from tidelock.client.client import Client

QUEUES = "queues"


@asynccontextmanager
async def speaking(info: Info, session: str | None) -> AsyncIterator[Client]:
    """Lend a client. Raises `ApiError`, `TidelockError`."""
    sessions = info.context.services.sessions
    async with sessions.client(info.context.identity, session or sessions.own) as client:
        yield client


async def inspected(client: Client, queue: str) -> tuple[QueueStats, list[Position]]:
    """Return the queue's home, and positions behind which all that was done to its shards is. Raises `QueueUnknown`."""
    home = await client.ask(QUEUES, InspectQueue(queue, 0))
    stats = cast("QueueStats", home.reply)
    told = [home.position]
    for shard in range(1, max(stats.route.shards, stats.route.previous)):
        told.append((await client.ask(QUEUES, InspectQueue(queue, shard))).position)
    return stats, shown(told)


def shown(positions: list[LogPosition | None]) -> list[Position]:
    """Return the newest of each partition."""
    newest = {one.partition: one for one in sorted([p for p in positions if p], key=lambda p: p.offset)}
    return cast("list[Position]", list(newest.values()))
