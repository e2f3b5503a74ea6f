"""`HotStore` on Redis. A copy and what is to replace it share a hash tag, so a cluster keeps them on one node."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import cast
from uuid import uuid4

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from storage.redis.scripts import APPLY, SWAP
from streams.projections.hot import HotCopy, HotPlace
from streams.projections.ports import Copied, RowRefused, SinkUnavailable

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
        self, copy: HotCopy, start: HotPlace, end: HotPlace, rows: Mapping[str, str | None], log: str = ""
    ) -> bool:
        """Move the copy from `start` to `end`, or answer False. All of it or nothing."""
        sets = [text for key, row in rows.items() if row is not None for text in (f"={key}", row)]
        gone = [f"={key}" for key, row in rows.items() if row is None]
        with _translated(str(copy)):
            moved = await self._apply(
                [_key(copy)], [*start, *end, self._ttl_ms, log, len(sets), *sets, *gone]
            )
        return bool(moved)

    async def replace(self, copy: HotCopy, end: HotPlace, rows: Mapping[str, str], log: str = "") -> None:
        """Build a new copy beside the old one, bit by bit, and put it in its place unless that is further on."""
        key = _key(copy)
        built = f"{key}:{uuid4().hex}"
        with _translated(str(copy)):
            try:
                await self._build(built, end, rows, log)
                given: list[int | str] = [end.next_offset, self._ttl_ms, len(rows) + 3, log, end.time_ms]
                swapped = await self._swap([key, built], given)
            except BaseException:
                with suppress(RedisError, OSError):
                    await self._redis.unlink(built)
                raise
        if not swapped:
            raise SinkUnavailable(f"{copy}: Redis lost the new copy while it was built. Try again.")

    async def get(self, asked: Mapping[HotCopy, Sequence[str]]) -> Mapping[HotCopy, Copied]:
        """Return where each copy stands and what it has under its keys, in one round trip."""
        if not asked:
            return {}
        with _translated(", ".join(map(str, asked))):
            async with self._redis.pipeline(transaction=False) as asking:
                for copy, keys in asked.items():
                    asking.hmget(_key(copy), ["@", *(f"={key}" for key in keys)])
                found = cast("list[list[str | None]]", await asking.execute())
        return {copy: _copied(keys, told) for (copy, keys), told in zip(asked.items(), found, strict=True)}

    async def drop(self, copies: Collection[HotCopy]) -> None:
        """Forget these copies."""
        with _translated(", ".join(map(str, copies))):
            for copy in copies:
                await self._redis.unlink(_key(copy))

    async def _build(self, built: str, end: HotPlace, rows: Mapping[str, str], log: str) -> None:
        await self._redis.hset(built, mapping={"@": end.next_offset, "@time": end.time_ms, "@log": log})
        await self._redis.pexpire(built, _HALF_BUILT_MS)
        left = iter(rows.items())
        while chunk := list(islice(left, _CHUNK)):
            await self._redis.hset(built, items=[text for key, row in chunk for text in (f"={key}", row)])


def _copied(keys: Sequence[str], told: Sequence[str | None]) -> Copied:
    position, *rows = told
    if position is None:
        return Copied(None, {})
    found = {key: row for key, row in zip(keys, rows, strict=True) if row is not None}
    return Copied(int(position), found)


def _key(copy: HotCopy) -> str:
    return f"tidelock:{{{copy.table.name}@{copy.version}:{copy.where}}}"


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError as error:
        raise RowRefused(f"{what}: Redis refuses a row: {error}") from error
    except (RedisError, OSError, TimeoutError) as error:
        # the client's frames hold its errors, which hold the frames, and those a whole copy, until a full collection
        bare = error.with_traceback(None)
        raise SinkUnavailable(f"{what}: Redis cannot do it now: {error}") from bare
