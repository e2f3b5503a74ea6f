"""What clients of Redis that users bring must be like."""

from redis.asyncio import Redis, RedisCluster

from tidelock.client.errors import BadArgument


def refuse_decoding(redis: "Redis | RedisCluster") -> None:
    """Raise `BadArgument` if `redis` makes text of what it reads: values are bytes."""
    pool = getattr(redis, "connection_pool", None)
    encoder = redis.get_encoder() if pool is None else pool.get_encoder()
    if encoder.decode_responses:
        raise BadArgument("values are bytes: give a Redis client without decode_responses")
