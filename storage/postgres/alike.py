"""Tables like those that are there, in another schema: columns, keys, indexes of the same names, storage, parts."""

from collections.abc import Collection
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
_COLUMNS: Final[LiteralString] = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace = %s::regnamespace AND c.relname = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped
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
        of_parts = index.replace(f" ON ONLY {SCHEMA}.", f" ON {SCHEMA}.")
        await cursor.execute(of_parts.replace(f" ON {SCHEMA}.", f" ON {schema}.").encode())
    if by is not None:
        await cursor.execute(_PARTITIONS, (source,))
        for name, bound, own in await cursor.fetchall():
            one = sql.SQL("CREATE TABLE {} PARTITION OF {} ").format(named(name, schema), at)
            await cursor.execute(one + sql.SQL(bound + _with(own)))


async def tables_in(cursor: Cursor, schema: str) -> tuple[str, ...]:
    """Return the tables in a schema, but for partitions of others."""
    await cursor.execute(_TABLES, (schema,))
    return tuple([name for (name,) in await cursor.fetchall()])


async def differ_in_columns(cursor: Cursor, tables: Collection[str], schema: str) -> bool:
    """Return whether a table in `schema` has other columns than the live one, or only one of them is there."""
    found = []
    for each in (SCHEMA, schema):
        await cursor.execute(_COLUMNS, (each, list(tables)))
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
