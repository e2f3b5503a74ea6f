"""A Redis client for those who have somewhere else to ask: it would rather fail than wait."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


def reader(url: str, connections: int = 16, within_s: float = 0.2) -> "Redis":
    """Return a client that gives up after `within_s`. `await client.aclose()` ends it."""
    opened = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=within_s,
        decode_responses=True,
        socket_timeout=within_s,
        socket_connect_timeout=within_s,
        retry=Retry(NoBackoff(), 1),  # a connection may be stale since a restart
    )
    return Redis.from_pool(opened)
