"""`Publications` on PostgreSQL: which windows changed since they were last published, and whose turn it is.

A turn is an advisory lock of one connection, and all of the turn is said on that connection: whoever loses it, loses
the turn, and cannot move the marks any more.
"""

from collections.abc import AsyncIterator, Mapping, Set
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import groupby
from operator import itemgetter

import psycopg
from psycopg import AsyncConnection, sql

from storage.postgres.built import build_of, own_build
from storage.postgres.errors import translated
from storage.postgres.pool import Pool
from storage.postgres.rows import as_row
from storage.postgres.statements import named, schema_of
from streams.ops.series import NAMES, OTHER
from streams.projections.ports import NAME_KEPT_MS, NOWHERE, Forgotten, Unpublished
from streams.projections.projection import Points, Projection
from streams.projections.table import Row, Table

_TRY = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"

_FRESH = sql.SQL("""
SELECT fresh.* FROM tidelock.checkpoints AS c
LEFT JOIN tidelock.publications AS p ON p.name = %(name)s AND p.partition = c.partition
LEFT JOIN unnest(%(partitions)s::bigint[], %(beyond)s::bigint[]) AS b (partition, beyond)
    ON b.partition = c.partition AND b.beyond < c.next_offset
CROSS JOIN LATERAL (
    SELECT w.partition, w.changed_offset, {keys} FROM {windows} AS w
    WHERE w.partition = c.partition
        AND w.changed_offset > greatest(p.changed_offset, b.beyond, -1)
    ORDER BY w.changed_offset FETCH FIRST %(limit)s ROWS WITH TIES
) AS fresh
WHERE c.projection = %(projection)s AND c.kind = %(kind)s AND c.live
""")
_OF_KEYS = sql.SQL("""
SELECT {columns} FROM {windows} AS w JOIN unnest({arrays}) AS touched ({keys}) USING ({keys})
""")
_OF_OTHERS = sql.SQL("""
SELECT {columns} FROM {windows} AS w
JOIN (SELECT DISTINCT * FROM unnest(%(tenants)s::text[], %(starts)s::bigint[])) AS touched (tenant, start_ms)
    USING (tenant, start_ms)
WHERE NOT EXISTS (
    SELECT FROM tidelock.series AS s WHERE s.windows = %(name)s AND s.tenant = w.tenant AND s.name = w.{bounded}
)
""")
_FORGET_NAMES = "DELETE FROM tidelock.series WHERE windows = %s AND tenant = %s AND last_ms < %s"
_COUNT_NAMES = "SELECT count(*) FROM tidelock.series WHERE windows = %s AND tenant = %s"
_KNOWN_NAMES = "SELECT name FROM tidelock.series WHERE windows = %s AND tenant = %s AND name = ANY (%s)"
_KEEP_NAME = """
INSERT INTO tidelock.series AS s (windows, tenant, name, last_ms) VALUES (%s, %s, %s, %s)
ON CONFLICT (windows, tenant, name) DO UPDATE SET last_ms = excluded.last_ms WHERE s.last_ms < excluded.last_ms - %s
"""
_HEARD_EVERY_MS = 3_600_000
"""A name's last time is written down at most so often."""
_FORGET = sql.SQL("""
WITH gone AS (
    DELETE FROM {windows} AS w USING (
        SELECT partition, {keys} FROM {windows} WHERE start_ms < %(before_ms)s AND closed LIMIT %(limit)s
    ) AS old WHERE (w.partition, {of_window}) = (old.partition, {of_old})
    RETURNING w.partition, w.changed_offset
)
SELECT count(*), count(*) FILTER (WHERE gone.changed_offset > coalesce(p.changed_offset, -1))
FROM gone LEFT JOIN tidelock.publications AS p ON p.name = %(name)s AND p.partition = gone.partition
""")
_MOVE = """
INSERT INTO tidelock.publications (name, partition, changed_offset) VALUES (%s, %s, %s)
ON CONFLICT (name, partition) DO UPDATE SET changed_offset = excluded.changed_offset
"""


class PostgresPublications:
    """What is left to publish of read models in one database."""

    def __init__(self, pool: Pool, names: int = NAMES) -> None:
        self._pool, self._names = pool, names

    @asynccontextmanager
    async def turn(self, projection: Projection) -> "AsyncIterator[PostgresTurn | None]":
        """Take the turn, or yield None if another has it."""
        assert projection.points is not None, f"{projection.name} has no points"
        name = f"tidelock.publications/{projection.points.windows.name}"
        async with AsyncExitStack() as held:
            with translated(f"publication of {projection.name}"):
                connection = await held.enter_async_context(self._pool.connection())
                build = await build_of(connection.cursor(), projection)
                mine = build.version == projection.version  # else windows mean something else
                found = mine and await (await connection.execute(_TRY, (name,))).fetchone()
            if found != (True,):
                yield None
                return
            try:
                yield PostgresTurn(connection, projection, projection.points, self._names)
            finally:
                with suppress(psycopg.Error):  # a connection that is lost has lost the turn already
                    await connection.execute(_UNLOCK, (name,))

    async def forget(self, projection: Projection, before_ms: int, limit: int) -> Forgotten:
        """Delete up to `limit` closed windows that began before `before_ms`, published or not."""
        assert projection.points is not None, f"{projection.name} has no points"
        windows = projection.points.windows
        given = {"before_ms": before_ms, "limit": limit, "name": windows.name}
        with translated(f"windows of {projection.label}"):
            async with self._pool.connection() as connection:
                build = await build_of(connection.cursor(), projection)
                statement = _forget(windows, schema_of(build))
                found = await (await connection.execute(statement, given)).fetchone()
        assert found is not None, "a count is one row"
        return Forgotten(found[0], found[1] if build.live else 0)


class PostgresTurn:
    """The right to publish one read model's windows, as long as the connection lives."""

    def __init__(
        self, connection: AsyncConnection, projection: Projection, points: Points, names: int
    ) -> None:
        self._connection, self._projection, self._names = connection, projection, names
        self._windows, self._bounded = points.windows, points.bounded
        self._keys = [points.windows.columns.index(column) for column in _keys(points.windows)]

    async def unpublished(self, limit: int, beyond: Mapping[int, int] = NOWHERE) -> Unpublished:
        """Return about `limit` windows a partition that changed since, oldest change first.

        Raises `OfAnotherRelease` once a build of another version is live.
        """
        asked = {
            "name": self._windows.name,
            "limit": limit,
            "projection": self._projection.name,
            "kind": self._projection.kind,
            "partitions": list(beyond),
            "beyond": list(beyond.values()),
        }
        reached: dict[int, int] = {}
        keys: set[Row] = set()
        with translated(f"publication of {self._projection.name}"):
            async with self._connection.transaction():
                await self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                await own_build(self._connection.cursor(), self._projection)
                fresh = await self._connection.execute(_fresh(self._windows), asked)
                for partition, changed, *key in await fresh.fetchall():
                    reached[partition] = max(changed, reached.get(partition, changed))
                    keys.add(tuple(key))
                others = await self._others(keys)
                rows = await self._rows(keys - others) + await self._rows_of_others(others)
        rows.sort(key=lambda row: (*[row[place] for place in self._keys], row[0]))
        windows = groupby(rows, itemgetter(*self._keys))
        named_together = len({key[:-1] for key in others})
        return Unpublished(tuple(tuple(window) for _, window in windows), reached, named_together)

    async def _rows(self, keys: Set[Row]) -> list[Row]:
        if not keys:
            return []
        columns = zip(*keys, strict=True)
        given = dict(zip(_keys(self._windows), map(list, columns), strict=True))
        found = await self._connection.execute(_of_keys(self._windows), given)
        return [as_row(row) for row in await found.fetchall()]

    async def _rows_of_others(self, others: Set[Row]) -> list[Row]:
        """Return the windows of all names without a series, at the times of `others`, under the one name `OTHER`."""
        if not others or self._bounded is None:
            return []
        given = {
            "name": self._windows.name,
            "tenants": [key[0] for key in others],
            "starts": [key[-1] for key in others],
        }
        found = await self._connection.execute(_of_others(self._windows, self._bounded), given)
        place = self._windows.columns.index(self._bounded)
        return [(*row[:place], OTHER, *row[place + 1 :]) for row in map(as_row, await found.fetchall())]

    async def _others(self, keys: Set[Row]) -> set[Row]:
        """Give names series as long as their tenant has some left; return the keys of those that get none."""
        others: set[Row] = set()
        if self._bounded is None:
            return others
        for tenant in sorted({key[0] for key in keys}):
            mine = {key for key in keys if key[0] == tenant}
            admitted = await self._admitted(tenant, mine)
            others |= {key for key in mine if key[1] not in admitted}
        return others

    async def _admitted(self, tenant: str, keys: Set[Row]) -> set[str]:
        execute, windows = self._connection.execute, self._windows.name
        last_ms: dict[str, int] = {}
        for _, name, start_ms in sorted(keys, key=itemgetter(2, 1)):
            last_ms[name] = start_ms
        found = await execute(_KNOWN_NAMES, (windows, tenant, list(last_ms)))
        admitted = {name for (name,) in await found.fetchall()}
        if len(admitted) < len(last_ms):
            await execute(_FORGET_NAMES, (windows, tenant, max(last_ms.values()) - NAME_KEPT_MS))
            counted = await (await execute(_COUNT_NAMES, (windows, tenant))).fetchone()
            assert counted is not None, "a count is one row"
            new = [name for name in last_ms if name not in admitted]
            admitted |= set(new[: max(0, self._names - counted[0])])
        kept = [
            (windows, tenant, name, at, _HEARD_EVERY_MS) for name, at in last_ms.items() if name in admitted
        ]
        async with self._connection.cursor() as cursor:
            await cursor.executemany(_KEEP_NAME, kept)
        return admitted

    async def published(self, what: Unpublished) -> None:
        """Move the marks: `what` is out."""
        moves = [(self._windows.name, partition, changed) for partition, changed in what.reached.items()]
        with translated(f"publication of {self._projection.name}"):
            async with self._connection.transaction(), self._connection.cursor() as cursor:
                await cursor.executemany(_MOVE, moves)


def _keys(windows: Table) -> tuple[str, ...]:
    """Return the key but for the partition."""
    return windows.columns[1 : windows.key]


def _fresh(windows: Table) -> sql.Composed:
    keys = [sql.Identifier("w", column) for column in _keys(windows)]
    return _FRESH.format(windows=named(windows.name), keys=sql.SQL(", ").join(keys))


def _of_keys(windows: Table) -> sql.Composed:
    arrays = [
        sql.SQL("{}::{}[]").format(sql.Placeholder(key), sql.SQL("bigint" if key == "start_ms" else "text"))
        for key in _keys(windows)
    ]
    return _OF_KEYS.format(
        columns=sql.SQL(", ").join(map(sql.Identifier, windows.columns)),
        windows=named(windows.name),
        arrays=sql.SQL(", ").join(arrays),
        keys=sql.SQL(", ").join(map(sql.Identifier, _keys(windows))),
    )


def _of_others(windows: Table, bounded: str) -> sql.Composed:
    return _OF_OTHERS.format(
        columns=sql.SQL(", ").join([sql.Identifier("w", column) for column in windows.columns]),
        windows=named(windows.name),
        bounded=sql.Identifier(bounded),
    )


def _forget(windows: Table, schema: str) -> sql.Composed:
    keys = _keys(windows)
    return _FORGET.format(
        windows=named(windows.name, schema),
        keys=sql.SQL(", ").join(map(sql.Identifier, keys)),
        of_window=sql.SQL(", ").join([sql.Identifier("w", key) for key in keys]),
        of_old=sql.SQL(", ").join([sql.Identifier("old", key) for key in keys]),
    )
