"""`TierStore` on Redis, one server or a cluster: the marks that the follower of the caches' log leaves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError

from storage.redis.tier_scripts import APPLY, BEGIN, SIGN
from streams.log.checkpoint import Checkpoint, decode_checkpoint, encode_checkpoint
from streams.log.positions import PartitionId
from streams.projections.tier import Change, Stretch, TierUnavailable
from streams.wire.tier import STALE_MS, Names, names, stamp, token_text

MARK_TTL_MS = 86_400_000
"""A mark that nobody moves for a day is forgotten; then nothing older is believed."""
CHUNK = 500
"""Changes in one script: Redis does nothing else meanwhile."""


def cluster(url: str) -> RedisCluster:
    """Return a client of the cluster that `url` is a node of, with bounded waits. `await client.aclose()` ends it."""
    return RedisCluster.from_url(
        url,
        decode_responses=True,
        socket_timeout=5.0,
        socket_connect_timeout=2.0,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 1),
    )


class RedisTierStore:
    """Marks, signs and copies of the partitions of caches."""

    def __init__(self, redis: "Redis | RedisCluster", namespace: str = "tidelock") -> None:
        self._namespace = namespace
        self._begin = redis.register_script(BEGIN)
        self._apply = redis.register_script(APPLY)
        self._sign = redis.register_script(SIGN)

    async def begin(self, where: PartitionId, log: str, since: int, at: Checkpoint) -> Checkpoint:
        """Return where the mark of `log` stands; if there is none, it stands at `at` now."""
        of = self._names(where)
        offered: list[Any] = [
            log, at.next_offset, token_text(since), encode_checkpoint(at).hex(), MARK_TTL_MS
        ]  # fmt: skip
        with _translated(where):
            stands = await self._begin([of.mark, of.sign], offered)
        return decode_checkpoint(bytes.fromhex(stands))

    async def apply(self, where: PartitionId, log: str, stretch: Stretch) -> bool:
        """Take away what changed, and move the mark. False: it stands before the stretch, or is lost."""
        of = self._names(where)
        checkpoint = encode_checkpoint(stretch.reached).hex()
        since = token_text(stretch.since) if stretch.since else ""
        changes = stretch.changes
        for first in range(0, max(1, len(changes)), CHUNK):
            last = first + CHUNK >= len(changes)
            head = [log, stretch.start, stretch.reached.next_offset, since, checkpoint if last else ""]
            with _translated(where):
                if not await self._apply(*_chunk(of, head, changes[first : first + CHUNK])):
                    return False
        return True

    async def sign(self, where: PartitionId, log: str, at: int, seen_ms: int) -> int | None:
        """Say that all is taken away that had changed at `seen_ms`. Return Redis's time; None: as `apply`."""
        of = self._names(where)
        with _translated(where):
            now = await self._sign([of.mark, of.sign], [log, at, seen_ms, STALE_MS, MARK_TTL_MS])
        return int(now) or None

    def _names(self, where: PartitionId) -> Names:
        return names(self._namespace, where.partition)


def _chunk(of: Names, head: Sequence[Any], changes: Sequence[Change]) -> tuple[list[Any], list[Any]]:
    keys, arguments = [of.mark], list(head)
    for change in changes:
        keys.append(of.copy(change.key, change.entry))
        arguments += [token_text(change.token), stamp(change.key, change.entry)]
    return keys, arguments


@contextmanager
def _translated(where: PartitionId) -> Iterator[None]:
    try:
        yield
    except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
        raise TierUnavailable(f"{where}: Redis cannot do it now: {error}") from error.with_traceback(None)
