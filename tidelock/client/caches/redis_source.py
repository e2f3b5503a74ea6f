"""Values that live in Redis, one server or a cluster: one key an entry.

    sessions = RedisValues(redis, prefix="session:", codec=Json())
    cache = client.cache("sessions", codec=Json(), loader=sessions, writer=sessions)

Not to be taken for the tier (`RedisTier`), whose copies are nobody's truth. `redis` stays the caller's, who closes it;
it must not decode responses. Errors, as the causes of `LoadFailed` and `WriterFailed`: `SourceUnavailable`,
`SourceTimedOut`, `SourceRefused`.
"""

from collections.abc import Coroutine
from typing import Any, Final, Generic, TypeVar

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,  # noqa: A004 - redis-py's name
    MasterDownError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    TimeoutError,  # noqa: A004
    TryAgainError,
)

from tidelock.client.caches.bounded import bounded
from tidelock.client.caches.ports import Loaded
from tidelock.client.caches.redis_clients import refuse_decoding
from tidelock.client.errors import SourceRefused, SourceTimedOut, SourceUnavailable
from tidelock.client.queues.codecs import Codec

_T = TypeVar("_T")
_R = TypeVar("_R")
_AWAY: Final = (
    ConnectionError, TimeoutError, ClusterDownError, MasterDownError, ReadOnlyError, RedisClusterException,
    TryAgainError, OSError,
)  # fmt: skip
"""What may be otherwise the next time."""


class RedisValues(Generic[_T]):
    """Loader and writer of keys."""

    def __init__(
        self,
        redis: "Redis | RedisCluster",
        *,
        codec: Codec[_T],
        prefix: str = "",
        ttl: float | None = None,
        expire: float | None = None,
        within: float = 2.0,
    ) -> None:
        """`prefix`: of keys, before the entry's name. `codec`: of what Redis has. `within`: of one command, s.

        `ttl`: of entries in the cache, in seconds; None: the cache's. `expire`: of keys in Redis that are written, s.
        """
        refuse_decoding(redis)
        self._redis, self._codec, self._prefix = redis, codec, prefix
        self._ttl, self._within = ttl, within
        self._expire_ms = None if expire is None else max(1, round(expire * 1000))

    async def load(self, entry: str) -> Loaded[_T] | None:
        """Return what the entry's key has."""
        what = f"Loading {entry!r:.100} from Redis"
        found = await self._done(self._redis.get(self._prefix + entry), what)
        if found is None:
            return None
        try:
            return Loaded(self._codec.decode(found), ttl=self._ttl)
        except Exception as error:
            raise SourceRefused(
                f"{what} failed: its key has something else than the codec's: {error}"
            ) from error

    async def write(self, entry: str, value: _T | None) -> None:
        """Make `value` what the entry's key has; None: delete the key."""
        what, key = f"Writing {entry!r:.100} to Redis", self._prefix + entry
        if value is None:
            await self._done(self._redis.unlink(key), what)
        else:
            await self._done(self._redis.set(key, self._codec.encode(value), px=self._expire_ms), what)

    async def _done(self, work: Any, what: str) -> Any:
        try:
            return await bounded(_awaited(work), self._within, what)
        except SourceTimedOut:
            raise
        except _AWAY as error:
            raise SourceUnavailable(f"{what} failed, try again: {error}") from error
        except RedisError as error:
            raise SourceRefused(f"{what} was refused: {error}. Is the key of another type?") from error


async def _awaited(work: "Coroutine[Any, Any, _R]") -> _R:
    return await work
