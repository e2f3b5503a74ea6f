"""Tables like those that are there, in another schema: columns, keys, indexes of the same names, storage, parts."""

from collections.abc import Collection, Mapping
from typing import Final, LiteralString

from psycopg import sql

from storage.postgres.built import Cursor
from storage.postgres.statements import SCHEMA, named

_FACTS: Final[LiteralString] = """
SELECT c.reloptions, pg_get_partkeydef(c.oid),
    ARRAY(SELECT format('CONSTRAINT %%I %%s', k.conname, pg_get_constraintdef(k.oid)) FROM pg_constraint AS k
        WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u')),
    ARRAY(SELECT pg_get_indexdef(i.indexrelid) FROM pg_index AS i
        WHERE i.indrelid = c.oid AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid))
FROM pg_class AS c WHERE c.oid = %s::regclass
"""
_PARTITIONS: Final[LiteralString] = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), c.reloptions FROM pg_inherits AS i
JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass ORDER BY c.relname
"""
_TABLES: Final[LiteralString] = """
SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND relkind IN ('r', 'p') AND NOT relispartition
ORDER BY relname
"""
_SHAPES: Final[LiteralString] = """
WITH found AS (
    SELECT oid, relname FROM pg_class WHERE relnamespace = %(schema)s::regnamespace AND relname = ANY (%(tables)s)
)
SELECT f.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM found AS f
JOIN pg_attribute AS a ON a.attrelid = f.oid WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT f.relname, k.conname, pg_get_constraintdef(k.oid) FROM found AS f
JOIN pg_constraint AS k ON k.conrelid = f.oid WHERE k.contype IN ('p', 'u')
"""
_LACKING: Final[LiteralString] = """
SELECT c.relname::text, pg_get_indexdef(i.indexrelid) FROM pg_class AS t
JOIN pg_index AS i ON i.indrelid = t.oid JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE t.relnamespace = %(live)s::regnamespace AND t.relname = ANY (%(tables)s) AND i.indisvalid
    AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid)
    AND NOT EXISTS (
        SELECT FROM pg_class AS o JOIN pg_index AS n ON n.indexrelid = o.oid
        WHERE o.relnamespace = %(schema)s::regnamespace AND o.relname = c.relname AND n.indisvalid)
ORDER BY c.relname
"""


async def make_like(cursor: Cursor, table: str, schema: str) -> None:
    """Make an empty table in `schema` like the live one."""
    source = named(table).as_string()
    await cursor.execute(_FACTS, (source,))
    found = await cursor.fetchone()
    assert found is not None, "a table of the catalogue is in the database"
    options, by, constraints, indexes = found
    at = named(table, schema)
    made = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL EXCLUDING INDEXES").format(at, named(table))
    made += sql.SQL("").join([sql.SQL(f", {each}") for each in constraints]) + sql.SQL(")")
    await cursor.execute(made + sql.SQL(_partitioned(by) + _with(options)))
    for index in indexes:
        await make_index(cursor, index, schema)
    if by is not None:
        await cursor.execute(_PARTITIONS, (source,))
        for name, bound, own in await cursor.fetchall():
            one = sql.SQL("CREATE TABLE {} PARTITION OF {} ").format(named(name, schema), at)
            await cursor.execute(one + sql.SQL(bound + _with(own)))


async def make_index(cursor: Cursor, live: str, schema: str) -> None:
    """Make an index in `schema` like that of the live tables: of partitions, too."""
    of_parts = live.replace(f" ON ONLY {SCHEMA}.", f" ON {SCHEMA}.")
    await cursor.execute(of_parts.replace(f" ON {SCHEMA}.", f" ON {schema}.").encode())


async def lacking_indexes(cursor: Cursor, tables: Collection[str], schema: str) -> dict[str, str]:
    """Return how the indexes of live tables are made that those in `schema` have not, or not whole, by their names."""
    await cursor.execute(_LACKING, {"live": SCHEMA, "tables": list(tables), "schema": schema})
    return dict(await cursor.fetchall())


async def make_lacking(cursor: Cursor, lacking: Mapping[str, str], schema: str) -> None:
    """Make those indexes. One that was broken off goes first."""
    for name, live in lacking.items():
        await cursor.execute(sql.SQL("DROP INDEX IF EXISTS {}").format(named(name, schema)))
        await make_index(cursor, live, schema)


async def tables_in(cursor: Cursor, schema: str) -> tuple[str, ...]:
    """Return the tables in a schema, but for partitions of others."""
    await cursor.execute(_TABLES, (schema,))
    return tuple([name for (name,) in await cursor.fetchall()])


async def differ_in_shape(cursor: Cursor, tables: Collection[str], schema: str) -> bool:
    """Return whether a table in `schema` has other columns or keys than the live one, or only one of them is there."""
    found = []
    for each in (SCHEMA, schema):
        await cursor.execute(_SHAPES, {"schema": each, "tables": list(tables)})
        found.append(set(await cursor.fetchall()))
    return found[0] != found[1]


async def move(cursor: Cursor, tables: Collection[str], start: str, end: str) -> None:
    """Move tables from one schema to another, with their partitions."""
    moved: list[sql.Composed] = []
    for table in tables:
        await cursor.execute(_PARTITIONS, (named(table, start).as_string(),))
        for name in (table, *[row[0] for row in await cursor.fetchall()]):
            one = sql.SQL("ALTER TABLE {} SET SCHEMA {}").format(named(name, start), sql.Identifier(end))
            moved.append(one)
    await cursor.execute(sql.SQL("; ").join(moved), prepare=False)


def _partitioned(by: str | None) -> str:
    return "" if by is None else f" PARTITION BY {by}"


def _with(options: list[str] | None) -> str:
    return f" WITH ({', '.join(options)})" if options else ""
