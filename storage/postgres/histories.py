"""`OldHistory` on PostgreSQL: some of the oldest rows a transaction, and from when on all questions are answered."""

from typing import Final

from psycopg import sql

from storage.postgres.built import WRITERS, build_of
from storage.postgres.errors import translated
from storage.postgres.histories_sql import KEPT_FROM, forgetting
from storage.postgres.pool import Pool
from storage.postgres.statements import schema_of
from streams.projections.ports import Sweep, Swept
from streams.projections.projection import Projection
from streams.projections.table import Table

LOCK_MS: Final = 2_000
"""Who waits for so long, as behind a rebuild that empties the table, gives way, and tries again later."""


class PostgresOldHistory:
    """Forgets in one database. Several processes may do it at once: each row goes once."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def forget(self, projection: Projection, table: Table, sweep: Sweep) -> Swept:
        """Forget what of some of the build's oldest rows answers nothing any more."""
        given = {"before_ms": sweep.before_ms, "limit": sweep.limit}
        given |= {f"p{index}": each for index, each in enumerate(sweep.after or ())}
        with translated(f"old rows of {table.name}"):
            async with self._pool.connection() as connection, connection.transaction():
                cursor = connection.cursor()
                await cursor.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_MS))
                await cursor.execute(WRITERS, (projection.name,))
                schema = schema_of(await build_of(cursor, projection))
                await cursor.execute(KEPT_FROM, (table.name, sweep.before_ms))
                await cursor.execute(forgetting(table, schema, begins=sweep.after is None), given)
                found = await cursor.fetchone()
        if found is None:
            return Swept(0, None)
        rows, looked_at, *last = found
        return Swept(rows, tuple(last) if looked_at == sweep.limit else None)
