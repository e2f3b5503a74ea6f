"""Two builds of a read model, row by row: a partition is compared in a snapshot in which both are at one position.

Both are written on meanwhile; they meet whenever both have what there is. Until then the snapshot is taken again.
Between two partitions other operators may promote or retire: the tables are known by what they are, not by their names.
"""

import asyncio
import time
from dataclasses import replace
from typing import Final, LiteralString, TypeAlias

from psycopg import AsyncConnection, errors, sql

from storage.postgres.built import Cursor, builds_of
from storage.postgres.pool import Pool, unhurried
from storage.postgres.shapes import alike
from storage.postgres.statements import SCHEMA, named, schema_of, statements
from storage.postgres.switching import operate
from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.projections.build_errors import BuildIsLive, BuildsChanged, BuildsNeverMet
from streams.projections.builds import Build, Comparison, Difference, found_in, live_of
from streams.projections.projection import Projection
from streams.projections.table import Table

AGAIN_S: Final = 0.02

_Tables: TypeAlias = tuple[int | None, ...]
"""The tables of both, whatever they are called now; None: there is none of that name."""

_PARTITIONS: Final[LiteralString] = """
SELECT DISTINCT partition FROM tidelock.checkpoints WHERE projection = %s AND kind = %s ORDER BY partition
"""
_TABLES: Final[LiteralString] = """
SELECT array_agg(to_regclass(name)::oid ORDER BY at) FROM unnest(%s::text[]) WITH ORDINALITY AS every (name, at)
"""
_MET: Final[LiteralString] = """
SELECT l.next_offset FROM tidelock.checkpoints AS l JOIN tidelock.checkpoints AS b
    USING (projection, kind, partition, next_offset, head)
WHERE projection = %s AND kind = %s AND partition = %s AND l.live AND b.build = %s
"""
_COMPARED: Final[LiteralString] = """
SELECT count({ours}), count({theirs}),
    count(*) FILTER (WHERE {theirs} IS NULL), count(*) FILTER (WHERE {ours} IS NULL),
    count(*) FILTER (WHERE {ours} IS NOT NULL AND {theirs} IS NOT NULL AND {differ})
FROM {both}
"""
_SHOWN: Final[LiteralString] = """
SELECT CASE WHEN {ours} IS NULL THEN NULL ELSE to_jsonb(l)::text END,
    CASE WHEN {theirs} IS NULL THEN NULL ELSE to_jsonb(b)::text END
FROM {both} WHERE {differ} LIMIT %(shown)s
"""
_BOTH: Final[LiteralString] = """
    (SELECT {columns} FROM {live} WHERE partition = %(partition)s {aged}) AS l
    FULL JOIN (SELECT {columns} FROM {beside} WHERE partition = %(partition)s {aged}) AS b ON {same}
"""
_AGED: Final[LiteralString] = """
    AND start_ms >= greatest((SELECT min(start_ms) FROM {live} WHERE partition = %(partition)s),
        (SELECT min(start_ms) FROM {beside} WHERE partition = %(partition)s))
"""
"""Windows are forgotten by their age, of each build in its own time."""
_NOT_OVER: Final[LiteralString] = """
    AND ({over} IS NULL OR {over} > coalesce((SELECT from_ms FROM tidelock.retention WHERE name = {name}), -1))
"""
"""So are rows of histories, and each build keeps some that answer for others."""


@value
class Wanted:
    """What is compared, and how much of it is shown."""

    projection: Projection
    number: int
    shown: int
    within_s: float


async def compare(pool: Pool, wanted: Wanted) -> Comparison:
    """Compare partition after partition. Raises `BuildError`."""
    async with pool.connection() as connection:
        cursor = connection.cursor()
        builds = await builds_of(cursor, wanted.projection)
        build = found_in(builds, wanted.projection, wanted.number)
        if build.live:
            raise BuildIsLive(build.projection, build.number, builds[-1].number + 1)
        tables, left_out = await alike(cursor, wanted.projection, builds, schema_of(build))
        wanted = replace(wanted, projection=replace(wanted.projection, tables=tables))
        compared = await _tables_of(cursor, wanted, build)
        if await builds_of(cursor, wanted.projection) != builds:
            raise BuildsChanged(build.projection, build.number)
        await cursor.execute(_PARTITIONS, (wanted.projection.name, wanted.projection.kind))
        positions, found = (
            [],
            {table: Difference(table.name, 0, 0, 0, 0, 0, ()) for table in wanted.projection.tables},
        )
        for (partition,) in await cursor.fetchall():
            where = PartitionId(wanted.projection.kind, partition)
            offset, parts = await _partition(connection, wanted, build, compared, where)
            positions.append((partition, offset))
            found = {table: _added(found[table], part, wanted.shown) for table, part in parts.items()}
    live = live_of(builds)
    versions = (live.version, build.version)
    return Comparison(live.number, build.number, tuple(positions), tuple(found.values()), versions, left_out)


async def _partition(
    connection: AsyncConnection, wanted: Wanted, build: Build, compared: _Tables, where: PartitionId
) -> tuple[int, dict[Table, Difference]]:
    until = time.monotonic() + wanted.within_s
    while True:
        async with connection.transaction(), connection.cursor() as cursor:
            await cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            await _hold(cursor, wanted, build, compared)
            await operate(cursor, wanted.projection)
            await cursor.execute(_MET, (build.projection, where.kind, where.partition, build.number))
            met = await cursor.fetchone()
            if met is not None:
                await unhurried(connection)
                tables = wanted.projection.tables
                return met[0], {table: await _table(cursor, wanted, build, table, where) for table in tables}
        if time.monotonic() > until:
            raise BuildsNeverMet(build.projection, build.number, where.partition, wanted.within_s)
        await asyncio.sleep(AGAIN_S)


async def _hold(cursor: Cursor, wanted: Wanted, build: Build, compared: _Tables) -> None:
    """Keep the tables where they are, before the snapshot is taken. Raises `BuildsChanged` if they are others now."""
    try:
        for table in wanted.projection.tables:
            for schema in (SCHEMA, schema_of(build)):  # as a promotion does, so that none waits for the other
                await cursor.execute(statements(table, schema).share)
    except (errors.UndefinedTable, errors.InvalidSchemaName) as error:
        raise BuildsChanged(build.projection, build.number) from error
    if await _tables_of(cursor, wanted, build) != compared:
        raise BuildsChanged(build.projection, build.number)


async def _tables_of(cursor: Cursor, wanted: Wanted, build: Build) -> _Tables:
    names = [
        f"{schema}.{table.name}"
        for table in wanted.projection.tables
        for schema in (SCHEMA, schema_of(build))
    ]
    await cursor.execute(_TABLES, (names,))
    found = await cursor.fetchone()
    return () if found is None or found[0] is None else tuple(found[0])


async def _table(
    cursor: Cursor, wanted: Wanted, build: Build, table: Table, where: PartitionId
) -> Difference:
    points = wanted.projection.points
    parts = _parts(table, schema_of(build), windows=points is not None and table.name == points.windows.name)
    given = {"partition": where.partition, "shown": wanted.shown}
    await cursor.execute(sql.SQL(_COMPARED).format(**parts), given)
    counts = await cursor.fetchone()
    assert counts is not None, "counts are one row"
    live, others, missing, extra, changed = counts
    first: list[tuple[str | None, str | None]] = []
    if wanted.shown and (missing or extra or changed):
        await cursor.execute(sql.SQL(_SHOWN).format(**parts), given)
        first = [(ours, theirs) for ours, theirs in await cursor.fetchall()]
    return Difference(table.name, live, others, missing, extra, changed, tuple(first))


def _parts(table: Table, schema: str, *, windows: bool) -> dict[str, sql.Composable]:
    live, beside = named(table.name), named(table.name, schema)
    keys = [sql.SQL("l.{0} = b.{0}").format(sql.Identifier(key)) for key in table.columns[: table.key]]
    rows = [
        sql.SQL(", ").join([sql.Identifier(one, column) for column in table.columns]) for one in ("l", "b")
    ]
    both = sql.SQL(_BOTH).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, table.columns)), live=live, beside=beside,
        aged=_kept(table, live, beside, windows=windows),
        same=sql.SQL(" AND ").join(keys),
    )  # fmt: skip
    return {
        "both": both,
        "ours": sql.Identifier("l", table.columns[0]),
        "theirs": sql.Identifier("b", table.columns[0]),
        "differ": sql.SQL("ROW({}) IS DISTINCT FROM ROW({})").format(*rows),
    }


def _kept(table: Table, live: sql.Identifier, beside: sql.Identifier, *, windows: bool) -> sql.Composable:
    """Return which rows both builds have for sure: those that neither may have forgotten."""
    if table.forgets is not None:
        over = sql.Identifier(table.forgets.over_ms)
        return sql.SQL(_NOT_OVER).format(over=over, name=sql.Literal(table.name))
    return sql.SQL(_AGED).format(live=live, beside=beside) if windows else sql.SQL("")


def _added(one: Difference, other: Difference, shown: int) -> Difference:
    return Difference(
        one.table,
        one.live + other.live,
        one.beside + other.beside,
        one.missing + other.missing,
        one.extra + other.extra,
        one.changed + other.changed,
        (one.first + other.first)[:shown],
    )
