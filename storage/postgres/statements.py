"""The SQL of one table, made from its description alone: PostgreSQL's side knows no lock either."""

from psycopg import sql

from streams.domain.value import value
from streams.projections.table import Table

SCHEMA = "tidelock"


def named(name: str) -> sql.Identifier:
    """Return the qualified name of a table of the platform."""
    return sql.Identifier(SCHEMA, name)


@value
class Statements:
    """What a store says about one table."""

    copy: sql.Composed
    """Rows under new keys, straight into the table."""
    stage: sql.Composed
    """Makes this connection's two waiting rooms: one for rows to put, one for keys to delete."""
    copy_put: sql.Composed
    put: sql.Composed
    copy_gone: sql.Composed
    delete_gone: sql.Composed
    delete_partition: sql.Composed
    truncate: sql.Composed
    restore: sql.Composed | None
    """The rows that a fold needs to go on."""


def statements(table: Table) -> Statements:
    """Return the statements of `table`."""
    at, put, gone = (
        named(table.name),
        sql.Identifier(f"put_{table.name}"),
        sql.Identifier(f"gone_{table.name}"),
    )
    columns, keys = _list(table.columns), _list(table.columns[: table.key])
    room = sql.SQL(
        "CREATE TEMP TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} WITH NO DATA"
    )
    rooms = [room.format(put, columns, at), room.format(gone, keys, at)]
    copy = sql.SQL("COPY {} ({}) FROM STDIN")
    return Statements(
        copy=copy.format(at, columns),
        stage=sql.SQL("; ").join(rooms),
        copy_put=copy.format(put, columns),
        put=sql.SQL(
            "INSERT INTO {at} ({columns}) SELECT {columns} FROM {put} ON CONFLICT ({keys}) {do}"
        ).format(at=at, columns=columns, put=put, keys=keys, do=_on_conflict(table)),
        copy_gone=copy.format(gone, keys),
        delete_gone=sql.SQL("DELETE FROM {} AS t USING {} AS gone WHERE {}").format(
            at, gone, _same_key(table)
        ),
        delete_partition=sql.SQL("DELETE FROM {} WHERE partition = %s").format(at),
        truncate=sql.SQL("TRUNCATE {}").format(at),
        restore=_restore(table),
    )


def _list(columns: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _on_conflict(table: Table) -> sql.Composable:
    rest = table.columns[table.key :]
    if not rest:
        return sql.SQL("DO NOTHING")
    sets = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in rest]
    return sql.SQL("DO UPDATE SET {}").format(sql.SQL(", ").join(sets))


def _same_key(table: Table) -> sql.Composed:
    pairs = [sql.SQL("t.{0} = gone.{0}").format(sql.Identifier(key)) for key in table.columns[: table.key]]
    return sql.SQL(" AND ").join(pairs)


def _restore(table: Table) -> sql.Composed | None:
    if not table.restores and table.open_column is None:
        return None
    every = sql.SQL("SELECT {} FROM {} WHERE partition = %s").format(_list(table.columns), named(table.name))
    if table.restores:
        return every
    assert table.open_column is not None
    return every + sql.SQL(" AND {} IS NULL").format(sql.Identifier(table.open_column))
