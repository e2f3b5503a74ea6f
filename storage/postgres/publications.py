"""`Publications` on PostgreSQL: which windows changed since they were last published, and whose turn it is.

A turn is an advisory lock of one connection, and all of the turn is said on that connection: whoever loses it, loses
the turn, and cannot move the marks any more.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import groupby
from operator import itemgetter

import psycopg
from psycopg import AsyncConnection, sql

from storage.postgres.errors import translated
from storage.postgres.pool import Pool
from storage.postgres.rows import as_row
from storage.postgres.statements import named
from streams.projections.ports import Unpublished
from streams.projections.projection import Points, Projection
from streams.projections.table import Table

_TRY = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"

_FRESH = sql.SQL("""
SELECT fresh.* FROM tidelock.checkpoints AS c
LEFT JOIN tidelock.publications AS p ON p.name = %(name)s AND p.partition = c.partition
CROSS JOIN LATERAL (
    SELECT w.partition, w.changed_offset, {keys} FROM {windows} AS w
    WHERE w.partition = c.partition AND w.changed_offset > coalesce(p.changed_offset, -1)
    ORDER BY w.changed_offset FETCH FIRST %(limit)s ROWS WITH TIES
) AS fresh
WHERE c.projection = %(projection)s AND c.kind = %(kind)s
""")
_WHOLE = sql.SQL("""
SELECT {columns} FROM {windows} AS w JOIN (SELECT DISTINCT {keys} FROM ({fresh}) AS f) AS touched USING ({keys})
ORDER BY {keys}, partition
""")
_MOVE = """
INSERT INTO tidelock.publications (name, partition, changed_offset) VALUES (%s, %s, %s)
ON CONFLICT (name, partition) DO UPDATE SET changed_offset = excluded.changed_offset
"""


class PostgresPublications:
    """What is left to publish of read models in one database."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def turn(self, projection: Projection) -> "AsyncIterator[PostgresTurn | None]":
        """Take the turn, or yield None if another has it."""
        assert projection.points is not None, f"{projection.name} has no points"
        name = f"tidelock.publications/{projection.points.windows.name}"
        async with AsyncExitStack() as held:
            with translated(f"publication of {projection.name}"):
                connection = await held.enter_async_context(self._pool.connection())
                found = await (await connection.execute(_TRY, (name,))).fetchone()
            if found != (True,):
                yield None
                return
            try:
                yield PostgresTurn(connection, projection, projection.points)
            finally:
                with suppress(psycopg.Error):  # a connection that is lost has lost the turn already
                    await connection.execute(_UNLOCK, (name,))


class PostgresTurn:
    """The right to publish one read model's windows, as long as the connection lives."""

    def __init__(self, connection: AsyncConnection, projection: Projection, points: Points) -> None:
        self._connection = connection
        self._projection = projection
        self._windows = points.windows
        self._keys = [points.windows.columns.index(column) for column in _keys(points.windows)]

    async def unpublished(self, limit: int) -> Unpublished:
        """Return about `limit` windows a partition that changed since, oldest change first."""
        fresh = _fresh(self._windows)
        asked = {
            "name": self._windows.name,
            "limit": limit,
            "projection": self._projection.name,
            "kind": self._projection.kind,
        }
        reached: dict[int, int] = {}
        with translated(f"publication of {self._projection.name}"):
            async with self._connection.transaction():
                await self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                for partition, changed, *_ in await (await self._connection.execute(fresh, asked)).fetchall():
                    reached[partition] = max(changed, reached.get(partition, changed))
                found = await self._connection.execute(_whole(self._windows, fresh), asked)
                rows = [as_row(row) for row in await found.fetchall()]
        windows = groupby(rows, itemgetter(*self._keys))
        return Unpublished(tuple(tuple(window) for _, window in windows), reached)

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


def _whole(windows: Table, fresh: sql.Composed) -> sql.Composed:
    return _WHOLE.format(
        columns=sql.SQL(", ").join(map(sql.Identifier, windows.columns)),
        windows=named(windows.name),
        keys=sql.SQL(", ").join(map(sql.Identifier, _keys(windows))),
        fresh=fresh,
    )
