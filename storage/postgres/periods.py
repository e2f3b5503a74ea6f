"""Tables that are partitioned by time: a partition a period, made by whoever writes into it first.

Partitions are attached, which blocks neither readers nor writers. What retention has taken away is not written again: a
rebuild passes it by. If a partition goes while somebody writes into it, PostgreSQL tells of a *check violation*: the
writer forgets what it knew, and tries again.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, TypeAlias

from psycopg import errors, sql

from storage.postgres.built import WRITERS, Cursor, build_of
from storage.postgres.pool import Pool
from storage.postgres.statements import SCHEMA, named, schema_of
from streams.projections.builds import Build
from streams.projections.projection import Projection
from streams.projections.table import Changes, Table

PERIOD_MS: Final = 30 * 86_400_000
"""Few enough that a look-up by name may try them all, short enough that what is old goes in due time."""
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_KEPT_FROM: Final = "SELECT from_ms FROM tidelock.retention WHERE name = %s"
_THERE: Final = "SELECT to_regclass(%s) IS NOT NULL"

_Rows: TypeAlias = tuple[str, Table]
"""A table of a build, by the projection's label."""


def start_of(time_ms: int) -> int:
    """Return when the period of a time begins."""
    return time_ms - time_ms % PERIOD_MS


def partition_name(table: Table, start_ms: int) -> str:
    """Return the name of a period's partition: it tells the day on which it begins, and sorts by it."""
    return f"{table.name}_{datetime.fromtimestamp(start_ms / 1000, UTC):%Y%m%d}"


async def hold(cursor: Cursor, projection: Projection, table: Table) -> Build:
    """Be the only one to make or drop partitions of `table` until the transaction ends; return what the builds stay."""
    await cursor.execute(WRITERS, (projection.name,))
    await cursor.execute(_LOCK, (f"tidelock.periods/{table.name}",))
    return await build_of(cursor, projection)


async def make_partition(cursor: Cursor, table: Table, start_ms: int, schema: str = SCHEMA) -> None:
    """Make the partition of a period, if there is none."""
    name = partition_name(table, start_ms)
    await cursor.execute(_THERE, (f"{schema}.{name}",))
    if await cursor.fetchone() == (True,):
        return
    at, of = named(name, schema), named(table.name, schema)
    await cursor.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(at, of))
    bounds = sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})")
    ends = sql.Literal(start_ms), sql.Literal(start_ms + PERIOD_MS)
    await cursor.execute(bounds.format(of, at, *ends))


class Periods:
    """What one process knows of periods: which have their partitions, and from when on rows are kept."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._made: dict[_Rows, set[int]] = {}
        self._kept_from: dict[_Rows, int] = {}

    @contextmanager
    def known(self) -> Iterator[None]:
        """Write into partitions that `prepared` has seen; if one has gone since, know nothing any more."""
        try:
            yield
        except errors.CheckViolation:
            self._made.clear()
            raise

    async def prepared(self, projection: Projection, changes: Changes) -> Changes:
        """See that all rows have their partitions; return `changes` without the rows that are kept no longer."""
        left = changes
        for table in projection.tables:
            if table.aged is not None:
                column = table.columns.index(table.aged)
                starts = {row[column] // PERIOD_MS * PERIOD_MS for _, row in changes.rows(table) if row}
                await self._make(projection, table, starts)
                kept_from = self._kept_from.get((projection.label, table), 0)
                if starts and min(starts) < kept_from:
                    left = left.without(table, column, kept_from)
        return left

    async def _make(self, projection: Projection, table: Table, starts: Collection[int]) -> None:
        rows = (projection.label, table)
        missing = sorted(set(starts) - self._made.get(rows, set()))
        if not missing:
            return
        async with self._pool.connection() as connection, connection.transaction():
            cursor = connection.cursor()
            build = await hold(cursor, projection, table)
            await cursor.execute(_KEPT_FROM, (table.name,))
            found = await cursor.fetchone()
            kept_from = self._kept_from[rows] = 0 if found is None else found[0]
            for start in missing:
                if start >= kept_from:
                    await make_partition(cursor, table, start, schema_of(build))
        self._made.setdefault(rows, set()).update(missing)
