"""`HotStore` on Redis. A copy and what is to replace it share a hash tag, so a cluster keeps them on one node."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import cast
from uuid import uuid4

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from storage.redis.scripts import APPLY, SWAP
from streams.log.positions import PartitionId
from streams.projections.ports import RowRefused, SinkUnavailable
from streams.projections.table import Table

TTL_MS = 3_600_000
"""How long a copy lasts that nobody writes to any more."""
_HALF_BUILT_MS = 60_000
_CHUNK = 2_000
"""Rows in one command: what Redis does at a stretch stays far below a millisecond or two."""


def client(url: str) -> "Redis":
    """Return a Redis client with bounded waits. `await client.aclose()` ends it."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=5.0,
        socket_connect_timeout=2.0,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 1),  # for a connection that went stale; whoever calls waits in its own way
    )


class RedisHotStore:
    """Copies of tables, by partition."""

    def __init__(self, redis: "Redis", ttl_ms: int = TTL_MS) -> None:
        self._redis = redis
        self._ttl_ms = ttl_ms
        self._apply = redis.register_script(APPLY)
        self._swap = redis.register_script(SWAP)

    async def apply(
        self, table: Table, where: PartitionId, start: int, end: int, rows: Mapping[str, str | None]
    ) -> bool:
        """Move the copy from offset `start` to `end`, or answer False. All of it or nothing."""
        sets = [text for key, row in rows.items() if row is not None for text in (f"={key}", row)]
        gone = [f"={key}" for key, row in rows.items() if row is None]
        with _translated(table, where):
            moved = await self._apply(
                [_copy(table, where)], [start, end, self._ttl_ms, len(sets), *sets, *gone]
            )
        return bool(moved)

    async def replace(
        self, table: Table, where: PartitionId, end: int, rows: Mapping[str, str], log: str = ""
    ) -> None:
        """Build a new copy beside the old one, bit by bit, and put it in its place unless that is further on."""
        copy = _copy(table, where)
        built = f"{copy}:{uuid4().hex}"
        with _translated(table, where):
            try:
                await self._build(built, end, rows, log)
                swapped = await self._swap([copy, built], [end, self._ttl_ms, len(rows) + 2, log])
            except BaseException:
                with suppress(RedisError, OSError):
                    await self._redis.unlink(built)
                raise
        if not swapped:
            raise SinkUnavailable(
                f"{table.name} {where}: Redis lost the new copy while it was built. Try again."
            )

    async def get(
        self, table: Table, where: PartitionId, keys: Sequence[str]
    ) -> tuple[int | None, dict[str, str]]:
        """Return where the copy stands and what it has under `keys`, in one round trip."""
        with _translated(table, where):
            found = await self._redis.hmget(_copy(table, where), ["@", *(f"={key}" for key in keys)])
        position, *rows = cast("list[str | None]", found)
        if position is None:
            return None, {}
        return int(position), {key: row for key, row in zip(keys, rows, strict=True) if row is not None}

    async def _build(self, built: str, end: int, rows: Mapping[str, str], log: str) -> None:
        await self._redis.hset(built, mapping={"@": str(end), "@log": log})
        await self._redis.pexpire(built, _HALF_BUILT_MS)
        left = iter(rows.items())
        while chunk := list(islice(left, _CHUNK)):
            await self._redis.hset(built, items=[text for key, row in chunk for text in (f"={key}", row)])


def _copy(table: Table, where: PartitionId) -> str:
    return f"tidelock:{{{table.name}:{where}}}"


@contextmanager
def _translated(table: Table, where: PartitionId) -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError as error:
        raise RowRefused(f"{table.name} {where}: Redis refuses a row: {error}") from error
    except (RedisError, OSError, TimeoutError) as error:
        # the client's frames hold its errors, which hold the frames, and those a whole copy, until a full collection
        bare = error.with_traceback(None)
        raise SinkUnavailable(f"{table.name} {where}: Redis cannot do it now: {error}") from bare
