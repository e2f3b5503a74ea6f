"""The SQL of one table, made from its description alone: PostgreSQL's side knows no lock either."""

from functools import lru_cache

from psycopg import sql

from streams.domain.value import value
from streams.projections.builds import Build
from streams.projections.table import Table

SCHEMA = "tidelock"


def named(name: str, schema: str = SCHEMA) -> sql.Identifier:
    """Return the qualified name of a table of the platform."""
    return sql.Identifier(schema, name)


def schema_of(build: Build) -> str:
    """Return where the tables of a build are."""
    return SCHEMA if build.live else f"{SCHEMA}_{build.projection}_v{build.number}"


@value
class Statements:
    """What a store says about one table; ready to be sent, because composing takes longer than many a write."""

    insert: bytes
    upsert: bytes
    delete: bytes
    """Of one row each."""
    copy: bytes
    """Rows under new keys, straight into the table."""
    stage: bytes
    """Makes this connection's two waiting rooms: one for rows to put, one for keys to delete."""
    copy_put: bytes
    put: bytes
    copy_gone: bytes
    delete_gone: bytes
    delete_partition: bytes
    truncate: bytes
    share: bytes
    """Keeps the table from being truncated."""
    restore: bytes | None
    """The rows that a fold needs to go on."""


@lru_cache(maxsize=512)
def statements(table: Table, schema: str = SCHEMA) -> Statements:
    """Return the statements of `table` in `schema`."""
    at, put, gone = (
        named(table.name, schema),
        sql.Identifier(f"put_{table.name}"),
        sql.Identifier(f"gone_{table.name}"),
    )
    columns, keys = _list(table.columns), _list(table.columns[: table.key])
    room = sql.SQL(
        "CREATE TEMP TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} WITH NO DATA"
    )
    copy = sql.SQL("COPY {} ({}) FROM STDIN")
    insert = sql.SQL("INSERT INTO {} ({}) ").format(at, columns)
    row = sql.SQL("VALUES ({})").format(sql.SQL(", ").join(sql.Placeholder() * len(table.columns)))
    every = sql.SQL("SELECT {} FROM {}").format(columns, put)
    unique = _list(table.columns[: table.key] + (() if table.aged is None else (table.aged,)))
    otherwise = sql.SQL(" ON CONFLICT ({}) {}").format(unique, _on_conflict(table))
    return Statements(
        insert=(insert + row).as_bytes(),
        upsert=(insert + row + otherwise).as_bytes(),
        delete=sql.SQL("DELETE FROM {} WHERE {}").format(at, _this_key(table)).as_bytes(),
        copy=copy.format(at, columns).as_bytes(),
        stage=sql.SQL("; ").join([room.format(put, columns, at), room.format(gone, keys, at)]).as_bytes(),
        copy_put=copy.format(put, columns).as_bytes(),
        put=(insert + every + otherwise).as_bytes(),
        copy_gone=copy.format(gone, keys).as_bytes(),
        delete_gone=sql.SQL("DELETE FROM {} AS t USING {} AS gone WHERE {}")
        .format(at, gone, _same_key(table))
        .as_bytes(),
        delete_partition=sql.SQL("DELETE FROM {} WHERE partition = %s").format(at).as_bytes(),
        truncate=sql.SQL("TRUNCATE {}").format(at).as_bytes(),
        share=sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(at).as_bytes(),
        restore=_restore(table, at),
    )


@lru_cache(maxsize=128)
def closing(table: Table, columns: tuple[str, ...], schema: str = SCHEMA) -> bytes:
    """Return the statement that closes the open rows with given `columns`: first how they end, then the columns."""
    opened, these = table.columns[table.opened :], sql.SQL("{} = %s")
    return (
        sql.SQL("UPDATE {} SET {} WHERE {} AND {} IS NULL")
        .format(
            named(table.name, schema),
            sql.SQL(", ").join(these.format(sql.Identifier(each)) for each in opened),
            sql.SQL(" AND ").join(these.format(sql.Identifier(each)) for each in columns),
            sql.Identifier(opened[0]),
        )
        .as_bytes()
    )


def _list(columns: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _on_conflict(table: Table) -> sql.Composable:
    rest = [column for column in table.columns[table.key :] if column != table.aged]
    if not rest:
        return sql.SQL("DO NOTHING")
    sets = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in rest]
    return sql.SQL("DO UPDATE SET {}").format(sql.SQL(", ").join(sets))


def _same_key(table: Table) -> sql.Composed:
    pairs = [sql.SQL("t.{0} = gone.{0}").format(sql.Identifier(key)) for key in table.columns[: table.key]]
    return sql.SQL(" AND ").join(pairs)


def _this_key(table: Table) -> sql.Composed:
    pairs = [sql.SQL("{} = %s").format(sql.Identifier(key)) for key in table.columns[: table.key]]
    return sql.SQL(" AND ").join(pairs)


def _restore(table: Table, at: sql.Identifier) -> bytes | None:
    if not table.restores and table.open_column is None:
        return None
    every = sql.SQL("SELECT {} FROM {} WHERE partition = %s").format(_list(table.columns), at)
    if table.restores or table.open_column is None:
        return every.as_bytes()
    return (every + sql.SQL(" AND {} IS NULL").format(sql.Identifier(table.open_column))).as_bytes()
