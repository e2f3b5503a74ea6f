"""`AgedRows` on PostgreSQL: whole periods of tables that are partitioned by time go, one at a time."""

from typing import Final

from psycopg import sql

from storage.postgres.errors import translated
from storage.postgres.floors import give_way, keep_from
from storage.postgres.periods import hold, partition_name, start_of
from storage.postgres.pool import Pool
from storage.postgres.statements import named, schema_of
from streams.projections.ports import require_own_version
from streams.projections.projection import Projection
from streams.projections.table import Table

_OLDEST: Final = """
SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = to_regclass(%s) AND c.relname < %s ORDER BY c.relname LIMIT 1
"""


class PostgresRetention:
    """Forgets what is old in one database. Several processes may do it at once."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def forget(self, projection: Projection, table: Table, before_ms: int) -> bool:
        """Drop the oldest period of the build's table that ended by `before_ms`; return whether there was one."""
        from_ms = start_of(before_ms)
        with translated(f"old periods of {table.name}"):
            async with self._pool.connection() as connection, connection.transaction():
                cursor = connection.cursor()
                await give_way(cursor)
                build = await hold(cursor, projection, table)
                require_own_version(projection, build.version)
                schema = schema_of(build)
                before = (f"{schema}.{table.name}", partition_name(table, from_ms))
                found = await (await connection.execute(_OLDEST, before)).fetchone()
                await keep_from(cursor, table.name, from_ms)
                if found is None:
                    return False
                await connection.execute(sql.SQL("DROP TABLE {}").format(named(found[0], schema)))
                return True
