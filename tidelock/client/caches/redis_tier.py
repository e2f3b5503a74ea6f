"""`SecondTier` on Redis, one server or a cluster: copies that all clients of RELAXED caches share (ADR 25).

    tier = RedisTier(redis.asyncio.Redis.from_url("redis://10.0.0.9:6379/0"))

Clients read and offer; only the process that follows the log takes away. While Redis is away, or says nothing within
its time, there are no copies and the directory is asked: nobody is told an error, and one call at a time tries Redis
again.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis, RedisCluster
from redis.commands.core import AsyncScript
from redis.exceptions import OutOfMemoryError, RedisClusterException, RedisError

from streams.wire.tier import STALE_MS, Names, names, pack, stamp, token_text, unpack
from tidelock.client.caches.known import Known
from tidelock.client.caches.ports import Held, Shard
from tidelock.client.caches.redis_clients import refuse_decoding
from tidelock.client.caches.redis_scripts import OFFER, READ
from tidelock.client.errors import BadArgument
from tidelock.client.nodes.breaker import Breaker, BreakerTerms

AWAY: Final = (RedisError, RedisClusterException, OSError, TimeoutError, AttributeError)
"""How a Redis that is away shows: redis-py 8.1's cluster client, which closes the connections of others when it looks
for its nodes anew, has those others use None as a stream."""
TERMS: Final = BreakerTerms(failures=3, open_s=1.0)
"""Redis is left alone for a second after three failures in a row, then ever longer, up to a minute."""
MOST_ASKING: Final = 1_000
"""Calls under way; beyond it the directory is asked at once."""
LONGEST_S: Final = 5.0
"""How long a call goes on of which nobody waits for the answer any more."""
_NOBODY, _KEPT = 0, 2
"""What the scripts answer."""


@dataclass(slots=True)
class TierCounts:
    """What the tier did for this client so far."""

    hits: int = 0
    misses: int = 0
    older: int = 0
    """Copies that were not shown, as this client knows of later versions."""
    kept: int = 0
    late: int = 0
    """Offers that came late, or were there already."""
    unsigned: int = 0
    """Calls in vain, as no process says that the copies are up to date. See that one runs with `TIDELOCK_REDIS`."""
    failures: int = 0
    """Calls that Redis did not answer in time, or refused."""
    skipped: int = 0
    """Calls not made, as Redis was away a moment ago."""


class RedisTier:
    """Copies in Redis. `redis` stays the caller's, who closes it; it must not decode responses."""

    def __init__(
        self,
        redis: "Redis | RedisCluster",
        *,
        namespace: str = "tidelock",
        ttl: float = 300.0,
        within: float = 0.1,
        terms: BreakerTerms = TERMS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`namespace`: as the process has it. `ttl`: for how many seconds a copy is kept. `within`: of one call, s."""
        if ttl < 0.001 or within <= 0:
            raise BadArgument("ttl must be 0.001 s or more, within more than 0 s")
        refuse_decoding(redis)
        self.counts = TierCounts()
        self.trouble: Exception | None = None
        """Why Redis did not do the last thing that it did not do."""
        self._namespace, self._ttl, self._within = namespace, ttl, within
        self._now = now
        self._breaker = Breaker(terms)
        self._known = Known(now, STALE_MS / 1000)
        self._read = redis.register_script(READ)
        self._offer = redis.register_script(OFFER)
        self._names: dict[int, Names] = {}
        self._asking: set[asyncio.Task[Any]] = set()

    async def get(self, shard: Shard, entry: str) -> Held | None:
        """Return the copy of `entry`, if there is one that this client may see."""
        of = self._of(shard)
        answer = await self._ask(self._read, [of.sign, of.mark, of.copy(shard.key, entry)], [])
        if not isinstance(answer, bytes):
            if answer is not None:
                self._count(answer == _NOBODY)
            return None
        version, content = unpack(answer)
        if not self._known.allows(shard.key, entry, version):
            self.counts.older += 1
            return None
        self.counts.hits += 1
        return Held(version, content)

    async def offer(
        self, shard: Shard, entry: str, held: Held, granted: int, expires: float | None = None
    ) -> None:
        """Offer a copy to all, for `expires` seconds from now at the most. `granted`: see `SecondTier`; 0: not kept."""
        ttl_ms = int(1000 * (self._ttl if expires is None else min(expires, self._ttl)))
        if not granted or ttl_ms < 1:
            return
        of = self._of(shard)
        record = pack(held.version, granted, held.value)
        what: list[Any] = [token_text(granted), stamp(shard.key, entry), ttl_ms, record]
        answer = await self._ask(self._offer, [of.sign, of.mark, of.copy(shard.key, entry)], what)
        if answer == _KEPT:
            self.counts.kept += 1
        elif answer == _NOBODY:
            self.counts.unsigned += 1
        elif answer is not None:
            self.counts.late += 1

    def drop(self, shard: Shard, entry: str, version: int) -> None:
        """Show this client no copy of a version up to `version`."""
        self._known.drop(shard.key, entry, version)

    def _count(self, unsigned: bool) -> None:
        if unsigned:
            self.counts.unsigned += 1
        else:
            self.counts.misses += 1

    def _of(self, shard: Shard) -> Names:
        found = self._names.get(shard.partition)
        if found is None:
            found = self._names[shard.partition] = names(self._namespace, shard.partition)
        return found

    async def _ask(self, script: AsyncScript, keys: list[str], arguments: list[Any]) -> Any:
        """Return what Redis answers; None if it does not.

        A call that is too late for the caller goes on for a while: a client of a cluster that is broken off while it
        looks for its nodes would have to begin anew each time.
        """
        if not self._breaker.allows(self._now()) or len(self._asking) >= MOST_ASKING:
            self.counts.skipped += 1
            return None
        trial, failed = self._breaker.begin(), None
        asking = asyncio.get_running_loop().create_task(_bounded(script, keys, arguments))
        self._asking.add(asking)
        asking.add_done_callback(self._asked)
        try:
            done, _ = await asyncio.wait((asking,), timeout=self._within)
            if not done:
                raise TimeoutError(f"Redis said nothing within {self._within} s")
            answer = asking.result()
            failed = False
        except OutOfMemoryError as error:  # it is there, and has no room for more copies
            failed, answer = False, None
            self._note(error)
        except AWAY as error:
            failed, answer = True, None
            self._note(error)
        finally:
            self._breaker.end(trial, failed, self._now())
        return answer

    def _asked(self, asking: "asyncio.Task[Any]") -> None:
        self._asking.discard(asking)
        if not asking.cancelled():
            asking.exception()  # whoever asked may be gone

    def _note(self, error: Exception) -> None:
        self.counts.failures += 1
        self.trouble = error.with_traceback(None)


async def _bounded(script: AsyncScript, keys: list[str], arguments: list[Any]) -> Any:
    async with asyncio.timeout(LONGEST_S):
        return await script(keys, arguments)
