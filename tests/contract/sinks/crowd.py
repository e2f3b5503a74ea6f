"""A database with some twenty thousand rows in each table of the platform, as a year's use would leave them.

What PostgreSQL knows of tables is their statistics: rows need the right keys, ages and spread, not stories.
"""

from typing import Final

from psycopg import AsyncConnection, sql

from storage.postgres.periods import PERIOD_MS, make_partition, start_of
from storage.postgres.statements import named
from streams.projections.table import Table
from streams.read_models import PROJECTIONS

ROWS: Final = 20_000
NAMES: Final = 200
"""Of one tenant; the other has as many rows, under one name in a hundred."""
TENANT: Final = "acme"
EPOCH_MS: Final = 1_790_000_000_000

_BY_TYPE: Final = {
    "bigint": "g", "text": "'x'", "boolean": "g % 2 = 0", "jsonb": "'[]'::jsonb", "bigint[]": "ARRAY[g]",
    "bytea": "'\\x00'::bytea",
}  # fmt: skip
_NAME: Final = "'name-' || g % 200"
_BY_COLUMN: Final = {
    "partition": "g % 4", "tenant": "CASE WHEN g % 2 = 0 THEN 'acme' ELSE 'other' END",
    "name": _NAME, "queue": _NAME, "cache": _NAME, "service": _NAME, "entry": "'entry-' || g % 1000",
    "instance": "'instance-' || g % 5", "principal": "'principal-' || g % 1000", "client": "'client-' || g % 1000",
    "shard": "0", "part": "0", "index_": "0", "incarnation": "g % 200 + 1", "subscription": "''", "attachment": "1",
    "block": "g / 128", "accepted": "g % 1000 <> 0", "command": "'Command' || g % 12",
    "start_ms": f"{EPOCH_MS} + g * 10000",
}  # fmt: skip
_BY_PLACE: Final = {
    ("lock_history", "role"): "'HOLDER'", ("lock_history", "keyframe"): "CASE WHEN g % 64 = 0 THEN ARRAY[g] END",
    ("instance_history", "keyframe"): "CASE WHEN g % 64 = 0 THEN ARRAY[g] END",
    ("message_history", "numbers"): "NULL::bigint[]",
}  # fmt: skip
_ONE_EACH: Final = {"locks", "queue_shards", "cache_shards", "nodes", "services", "brakes"}
"""Tables of what there is, not of what happened: a row a name."""


async def fill(connection: AsyncConnection) -> None:
    """Fill all tables of all read models, and have PostgreSQL look at them."""
    for projection in PROJECTIONS:
        for table in projection.tables:
            if projection.kept != "table":
                if table.aged is not None:
                    for start in range(start_of(EPOCH_MS), EPOCH_MS + ROWS * 1_000, PERIOD_MS):
                        await make_partition(connection.cursor(), table, start)
                await connection.execute(_filling(table, await _types(connection, table)))
        await connection.execute(_CHECKPOINT, (projection.name, projection.version, projection.kind))
    await connection.execute("VACUUM ANALYZE")


async def _types(connection: AsyncConnection, table: Table) -> dict[str, str]:
    found = await connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0",
        (f"tidelock.{table.name}",),
    )
    return dict(await found.fetchall())


def _filling(table: Table, types: dict[str, str]) -> sql.Composed:
    every = [_value(table, column, types[column]) for column in table.columns]
    return sql.SQL(
        "INSERT INTO {} ({}) SELECT {} FROM generate_series(1, {}) AS g ON CONFLICT DO NOTHING"
    ).format(
        named(table.name),
        sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        sql.SQL(", ").join(every),
        sql.Literal(2 * NAMES if table.name in _ONE_EACH else ROWS),
    )


def _value(table: Table, column: str, kind: str) -> sql.Composable:
    if table.open_column is not None and column in table.columns[table.opened :]:
        return sql.SQL(f"CASE WHEN g % 7 <> 0 THEN {_plain(column, kind)} END")
    return sql.SQL(_BY_PLACE.get((table.name, column)) or _plain(column, kind))


def _plain(column: str, kind: str) -> str:
    if column in _BY_COLUMN:
        return _BY_COLUMN[column]
    return f"{EPOCH_MS} + g * 1000" if column.endswith("_ms") and kind == "bigint" else _BY_TYPE[kind]


_CHECKPOINT: Final = """
INSERT INTO tidelock.checkpoints (projection, version, kind, partition, next_offset, time_ms, head, checkpoint)
SELECT %s, %s, %s, g, 20000, 0, '', '' FROM generate_series(0, 3) AS g
"""
