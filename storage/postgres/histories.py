"""`OldHistory` on PostgreSQL: some of the oldest rows a transaction, and from when on all questions are answered."""

from storage.postgres.built import WRITERS, own_build
from storage.postgres.errors import translated
from storage.postgres.floors import give_way, keep_from
from storage.postgres.histories_sql import forgetting
from storage.postgres.pool import Pool
from storage.postgres.statements import schema_of
from streams.projections.forgetting import last_ms
from streams.projections.ports import Sweep, Swept
from streams.projections.projection import Projection
from streams.projections.table import Table


class PostgresOldHistory:
    """Forgets in one database. Several processes may do it at once: each row goes once."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def forget(self, projection: Projection, table: Table, sweep: Sweep) -> Swept:
        """Forget what of some of the build's oldest rows answers nothing any more."""
        assert table.forgets is not None, f"rows of {table.name} stay"
        given = {"before_ms": sweep.before_ms, "limit": sweep.limit}
        given["last_ms"] = last_ms(table.forgets, sweep.before_ms)
        given |= {f"p{index}": each for index, each in enumerate(sweep.after or ())}
        with translated(f"old rows of {table.name}"):
            async with self._pool.connection() as connection, connection.transaction():
                cursor = connection.cursor()
                await give_way(cursor)
                await cursor.execute(WRITERS, (projection.name,))
                schema = schema_of(await own_build(cursor, projection))
                await keep_from(cursor, table.name, sweep.before_ms)
                await cursor.execute(forgetting(table, schema, begins=sweep.after is None), given)
                found = await cursor.fetchone()
        if found is None:
            return Swept(0, None)
        rows, goes_on, *last = found
        return Swept(rows, tuple(last) if goes_on else None)
