"""Where values of caches live, and where copies of them do: what plugs into `client.cache(...)`.

Apart from `tidelock`, as it imports the clients of PostgreSQL and Redis.
"""

from tidelock.client.caches.postgres import PostgresQuery, PostgresTable
from tidelock.client.caches.redis_source import RedisValues
from tidelock.client.caches.redis_tier import RedisTier, TierCounts

__all__ = ["PostgresQuery", "PostgresTable", "RedisTier", "RedisValues", "TierCounts"]
